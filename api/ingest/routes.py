"""Addresses that take events."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, FastAPI, Request
from fastapi import Query as Parameter
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.types import ASGIApp, Receive, Scope, Send

from api.ingest import schema
from api.ingest.service import Ingestion
from api.ingest.split import Mode
from streams import http_metrics

PATHS = "/v1/events"
EVENTS = frozenset({Mode.STRUCTURED, Mode.BINARY, Mode.BATCH})
BATCH = frozenset({Mode.NDJSON, Mode.BATCH})
ADDRESSES: Final = {PATHS: EVENTS, f"{PATHS}/batch": BATCH}
Items = Annotated[
    Literal["all", "others"],
    Parameter(description="Which events the answer lists: all, or the others than those that were accepted."),
]


class Direct:
    """Hands posted events to ingestion at once: FastAPI's way to a function costs more CPU than all that is done there.

    Of 445 microseconds a request it took 150. The routes below are the documents, and answer whatever is no POST.
    """

    def __init__(self, app: ASGIApp, ingestion: Ingestion) -> None:
        self._app = app
        self._ingestion = ingestion

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on what is not for us."""
        posted = scope["type"] == "http" and scope["method"] == "POST"
        modes = ADDRESSES.get(scope["path"]) if posted else None
        if modes is None:
            await self._app(scope, receive, send)
            return
        response = await self._ingestion.post(Request(scope, receive), modes)
        await response(scope, receive, send)


def routes(ingestion: Ingestion) -> APIRouter:
    """The router of these addresses."""
    router = APIRouter(tags=["events"])

    @router.post(PATHS, **_documented(schema.EVENTS_BODY))
    async def post_events(request: Request, items: Items = "all") -> Response:
        """Post one CloudEvent, as JSON or with its attributes in `ce-` headers, or a JSON array of them. Answered once
        the broker has acknowledged; `Content-Encoding: gzip` is understood. docs/http-ingestion.md shows how."""
        return await ingestion.post(request, EVENTS)

    @router.post(f"{PATHS}/batch", **_documented(schema.BATCH_BODY))
    async def post_batch(request: Request, items: Items = "all") -> Response:
        """Post many CloudEvents, one a line (NDJSON) or as a JSON array; otherwise as `/v1/events`."""
        return await ingestion.post(request, BATCH)

    @router.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Figures of this process for Prometheus; docs/metrics.md lists them."""
        return Response(generate_latest(http_metrics.REGISTRY), media_type=CONTENT_TYPE_LATEST)

    return router


def document(app: FastAPI) -> None:
    """Let OpenAPI say how a key is shown."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        found = plain()
        found["components"]["securitySchemes"] = schema.SCHEMES
        return found

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend it


def _documented(body: dict[str, Any]) -> dict[str, Any]:
    extra = {"requestBody": body, "security": schema.SECURITY}
    return {"status_code": 202, "responses": schema.ANSWERS, "openapi_extra": extra}
