"""Probes of the web process."""

import msgspec
from fastapi import APIRouter
from fastapi.responses import Response

from api import models, render
from api.errors import JSON
from api.feed import Feeds
from api.ingest.service import Ingestion
from api.numbers import Numbers
from streams.errors import LiveUnavailable
from streams.version import VERSION
from tables.live import View


def routes(numbers: Numbers, feeds: Feeds, ingestion: Ingestion) -> APIRouter:
    """The router of the probes."""
    router = APIRouter(tags=["health"])

    @router.get("/live", response_model=models.Alive)
    async def live() -> dict[str, bool]:
        """Liveness: the process answers. Never depends on another part."""
        return {"live": True}

    @router.get("/ready", response_model=models.Ready, responses={503: {"model": models.Ready}})
    async def ready() -> Response:
        """Readiness: live numbers can be read."""
        view, problem = await look(numbers)
        content = {"ready": view is not None, "redis": problem}
        return Response(msgspec.json.encode(content), 200 if view is not None else 503, media_type=JSON)

    @router.get("/health", response_model=models.Health)
    async def health() -> Response:
        """Details for people: what each shard said last. Always 200."""
        view, problem = await look(numbers)
        content = {"ready": view is not None, "redis": problem, "version": VERSION, "listeners": feeds.listeners}
        more = {"ingestion": ingestion.problem or "ok", "head": render.head(view) if view else None}
        return Response(msgspec.json.encode(content | more), media_type=JSON)

    return router


async def look(numbers: Numbers) -> tuple[View | None, str]:
    """What the shards say, or what is wrong."""
    try:
        return await numbers.live.read(), "ok"
    except LiveUnavailable as error:
        return None, str(error)
