"""Addresses that take events."""

from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Request
from fastapi import Query as Parameter
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.ingest import schema
from api.ingest.answer import Listed
from api.ingest.service import Ingestion
from api.ingest.split import Mode
from streams import http_metrics

PATHS = "/v1/events"
EVENTS = frozenset({Mode.STRUCTURED, Mode.BINARY, Mode.BATCH})
BATCH = frozenset({Mode.NDJSON, Mode.BATCH})
Items = Annotated[
    Listed, Parameter(description="Which events the answer lists: all, or the others than those that were accepted.")
]


def routes(ingestion: Ingestion) -> APIRouter:
    """The router of these addresses."""
    router = APIRouter(tags=["events"])

    @router.post(PATHS, **_documented(schema.EVENTS_BODY))
    async def post_events(request: Request, items: Items = Listed.ALL) -> Response:
        """Post one CloudEvent, as JSON or with its attributes in `ce-` headers, or a JSON array of them. Answered once
        the broker has acknowledged; `Content-Encoding: gzip` is understood. docs/http-ingestion.md shows how."""
        return await ingestion.post(request, EVENTS, items)

    @router.post(f"{PATHS}/batch", **_documented(schema.BATCH_BODY))
    async def post_batch(request: Request, items: Items = Listed.ALL) -> Response:
        """Post many CloudEvents, one a line (NDJSON) or as a JSON array; otherwise as `/v1/events`."""
        return await ingestion.post(request, BATCH, items)

    @router.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
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
