"""The scheduler's own pages: probes, details for people, metrics."""

import contextlib
import socket
import time
from collections.abc import AsyncIterator

from aiohttp import web
from prometheus_client import generate_latest

from metadata.schedule.scheduler import Scheduler
from streams import job_metrics as metrics
from streams.errors import MillraceError
from streams.version import VERSION

STALLED_SECONDS = 60.0
"""A scheduler whose passes have not ended for so long hangs."""


@contextlib.asynccontextmanager
async def served(scheduler: Scheduler, listener: socket.socket) -> AsyncIterator[None]:
    """Serve the pages meanwhile."""
    app = web.Application()
    routes = {"/live": live, "/ready": ready, "/health": health, "/metrics": prometheus}
    app[SCHEDULER] = scheduler
    app.add_routes([web.get(path, view) for path, view in routes.items()])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    try:
        yield
    finally:
        await runner.cleanup()


SCHEDULER = web.AppKey("scheduler", Scheduler)


async def live(request: web.Request) -> web.Response:
    """Liveness: passes end, well or not."""
    is_live = time.monotonic() - request.app[SCHEDULER].passed_at < STALLED_SECONDS
    return web.json_response({"live": is_live}, status=200 if is_live else 503)


async def ready(request: web.Request) -> web.Response:
    """Readiness: the last pass ended well, so it leads, or would if the one that leads were gone."""
    problem = request.app[SCHEDULER].problem
    return web.json_response({"ready": not problem, "problem": problem}, status=503 if problem else 200)


async def health(request: web.Request) -> web.Response:
    """Details for people. Always 200."""
    scheduler = request.app[SCHEDULER]
    running = [
        {"run": begun.id, "job": begun.job, "due_at": begun.due_at.isoformat(), "attempt": begun.attempt}
        for begun, _ in scheduler.running.values()
    ]
    return web.json_response(
        {
            "version": VERSION,
            "holder": scheduler.holder,
            "leading": scheduler.is_leading,
            "problem": scheduler.problem,
            "running": running,
        }
    )


async def prometheus(request: web.Request) -> web.Response:
    """Figures for Prometheus; docs/metrics.md lists them."""
    # While PostgreSQL is away the last known times stand, and grow old.
    with contextlib.suppress(MillraceError):
        for job, at in (await request.app[SCHEDULER].runs.last_done()).items():
            metrics.LAST_DONE.labels(job).set(at.timestamp())
    return web.Response(body=generate_latest(metrics.REGISTRY), content_type="text/plain", charset="utf-8")
