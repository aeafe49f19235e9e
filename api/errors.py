"""Every refusal of the API in one form: what, which value, what to do."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from api.analytics.routes import PATHS as ANALYTICS
from api.exports.routes import PATHS as EXPORTS
from api.ingest.routes import PATHS
from api.metrics.routes import PATHS as METRICS
from api.problems import Problem
from api.problems import respond as problem
from streams.errors import LiveUnavailable, QueryRefused

JSON = "application/json"
RETRY_SECONDS = 1
STATUS: Final = {"unknown_window": 404, "live_unavailable": 503}
"""HTTP status by code; everything else a reader can get wrong is 400."""


def body(code: str, message: str, *, value: str = "", hint: str = "", near: Sequence[str] = ()) -> dict[str, Any]:
    """The JSON of an error."""
    given: dict[str, Any] = {"code": code, "message": message, "value": value, "hint": hint, "near": list(near)}
    if code == "live_unavailable":
        given["retry_after_seconds"] = RETRY_SECONDS
    return {"error": {name: content for name, content in given.items() if content}}


def body_of(error: QueryRefused | LiveUnavailable) -> dict[str, Any]:
    """The JSON of an error of ours."""
    if isinstance(error, LiveUnavailable):
        return body("live_unavailable", str(error), hint="Try again; the connection is made anew by itself.")
    return body(error.code, str(error), value=error.value, hint=error.hint, near=error.near)


def respond(status: int, content: dict[str, Any]) -> Response:
    """An error as an answer."""
    headers = {"Retry-After": str(RETRY_SECONDS)} if status == 503 else None
    return Response(msgspec.json.encode(content), status, media_type=JSON, headers=headers)


def register(app: FastAPI) -> None:
    """Let every error be answered in this form."""

    @app.exception_handler(QueryRefused)
    @app.exception_handler(LiveUnavailable)
    async def ours(_: Request, error: QueryRefused | LiveUnavailable) -> Response:
        content = body_of(error)
        return respond(STATUS.get(content["error"]["code"], 400), content)

    @app.exception_handler(RequestValidationError)
    async def parameters(_: Request, error: RequestValidationError) -> Response:
        wrong = error.errors()[0]
        name = ".".join(str(part) for part in wrong["loc"][1:])
        message = f"Parameter {name!r} does not fit: {wrong['msg']}."
        hint = "docs/API.md and /openapi.json list every parameter."
        return respond(400, body("bad_parameter", message, value=str(wrong.get("input", "")), hint=hint))

    @app.exception_handler(HTTPException)
    async def other(request: Request, error: HTTPException) -> Response:
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "refused")
        message = f"{request.method} {request.url.path}: {error.detail}."
        hint = "docs/API.md and /openapi.json list every address."
        if request.url.path.startswith((PATHS, METRICS, ANALYTICS, EXPORTS)):
            title, headers = code.replace("_", " ").capitalize(), error.headers
            return problem(Problem(error.status_code, code, title, f"{message} {hint}", headers=headers))
        return respond(error.status_code, body(code, message, value=request.url.path, hint=hint))
