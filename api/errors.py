"""What refuses a request outside the views, and live numbers, as problems: what, which value, what to do."""

from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from api.problems import Problem, later, refused, respond
from streams.errors import LiveUnavailable, QueryRefused

JSON: Final = "application/json"
STATUS: Final = {"unknown_window": 404}
"""HTTP status by code; everything else a reader can get wrong is 400."""
_AGAIN: Final = "Try again; the connection is made anew by itself."


def problem_of(error: QueryRefused | LiveUnavailable) -> Problem:
    """An error of live numbers as a problem."""
    if isinstance(error, LiveUnavailable):
        return later(503, "live_unavailable", "Live numbers cannot be read", f"{error} {_AGAIN}", hint=_AGAIN)
    return refused(error, STATUS.get(error.code, 400))


def register(app: FastAPI) -> None:
    """Let every error be answered in this form."""

    @app.exception_handler(QueryRefused)
    @app.exception_handler(LiveUnavailable)
    async def ours(_: Request, error: QueryRefused | LiveUnavailable) -> Response:
        return respond(problem_of(error))

    @app.exception_handler(RequestValidationError)
    async def parameters(_: Request, error: RequestValidationError) -> Response:
        wrong = error.errors()[0]
        name = ".".join(str(part) for part in wrong["loc"][1:])
        hint = "docs/API.md and /openapi.json list every parameter."
        detail = f"Parameter {name!r} does not fit: {wrong['msg']}. {hint}"
        value = str(wrong.get("input", ""))[:80]
        return respond(Problem(400, "bad_parameter", "A parameter does not fit", detail, value=value, hint=hint))

    @app.exception_handler(HTTPException)
    async def other(request: Request, error: HTTPException) -> Response:
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "refused")
        hint = "docs/API.md and /openapi.json list every address."
        detail = f"{request.method} {request.url.path[:200]}: {error.detail}. {hint}"
        title = code.replace("_", " ").capitalize()
        return respond(Problem(error.status_code, code, title, detail, headers=error.headers, hint=hint))
