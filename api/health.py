"""Probes of the web process."""

import asyncio
from typing import Any

import msgspec
from fastapi import APIRouter
from fastapi.responses import Response

from api import models, render
from api.errors import JSON
from api.feed import Feeds
from api.ingest.service import Ingestion
from api.metrics.service import Metrics
from api.numbers import Numbers
from streams.errors import LiveUnavailable
from streams.version import VERSION
from tables.live import View


def routes(numbers: Numbers, metrics: Metrics, feeds: Feeds, ingestion: Ingestion) -> APIRouter:
    """The router of the probes."""
    router = APIRouter(tags=["health"])

    @router.get("/live", response_model=models.Alive)
    async def live() -> dict[str, bool]:
        """Liveness: the process answers. Never depends on another part."""
        return {"live": True}

    @router.get("/ready", response_model=models.Ready, responses={503: {"model": models.Ready}})
    async def ready() -> Response:
        """Readiness: live numbers can be read, or metrics.

        With one of the two stores away the process is of use to whoever asks for the other, so it stays in service.
        """
        _, content = await state(numbers, metrics)
        return Response(msgspec.json.encode(content), 200 if content["ready"] else 503, media_type=JSON)

    @router.get("/health", response_model=models.Health)
    async def health() -> Response:
        """Details for people: what each shard said last. Always 200."""
        view, content = await state(numbers, metrics)
        content |= {"version": VERSION, "listeners": feeds.listeners}
        more = {"ingestion": ingestion.problem or "ok", "head": render.head(view) if view else None}
        return Response(msgspec.json.encode(content | more), media_type=JSON)

    return router


async def state(numbers: Numbers, metrics: Metrics) -> tuple[View | None, dict[str, Any]]:
    """What the shards say, and what the probes tell of both stores."""
    (view, redis), clickhouse = await asyncio.gather(look(numbers), metrics.problem())
    return view, {"ready": "ok" in (redis, clickhouse), "redis": redis, "metrics": clickhouse}


async def look(numbers: Numbers) -> tuple[View | None, str]:
    """What the shards say, or what is wrong."""
    try:
        return await numbers.live.read(), "ok"
    except LiveUnavailable as error:
        return None, str(error)
