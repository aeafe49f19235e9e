"""The app of the web process, `millrace web`: builds it, and says what is served where."""

import contextlib
import signal
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import FrameType
from typing import Any

import redis.asyncio as redis
from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import catalogue, documented, errors, health, live, problems, stream
from api.analytics import routes as analytics
from api.analytics.service import Analytics
from api.cors import Cors
from api.exports import job_routes
from api.exports import routes as exports
from api.exports.jobs import ExportJobs
from api.exports.service import Exports
from api.feed import Feeds
from api.ingest import routes as ingest
from api.ingest.limits import Limits
from api.ingest.service import Ingestion
from api.metrics import board_routes
from api.metrics import routes as metrics
from api.metrics.boards import Boards
from api.metrics.recommended import Recommended
from api.metrics.service import Metrics
from api.news import News
from api.numbers import Numbers
from api.unexpected import Unexpected
from metadata.session import connect as connect_metadata
from streams import log
from streams.settings import Settings, load
from streams.version import VERSION
from tables.declared import declared
from tables.live import Live

STATIC = Path(__file__).with_name("static")
REDIS_SECONDS = 2.0
MOST_ROWS = 100_000
"""Rows of an answer about live windows; there may be a million keys."""
NO_REDIS = "redis://127.0.0.1:6379/0"
"""Where Redis is looked for if no setting says where."""
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def app() -> FastAPI:
    """The app with the settings in force, for a server other than that of `millrace web`."""
    settings = load()
    log.configure(settings.log_format, settings.log_level)
    return create(settings)


def create(settings: Settings) -> FastAPI:
    """The app with these settings."""
    client = connect_redis(settings)
    engine = connect_metadata(settings) if settings.database_url else None
    read = Live(
        client,
        settings.kafka_group,
        declared,
        expected=settings.kafka_partitions,
        stale_seconds=settings.live_stale_seconds,
        most_rows=MOST_ROWS,
    )
    numbers, news = Numbers(read), News(client, settings.kafka_group, read.refresh)
    feeds = Feeds(settings.live_interval_seconds, lambda: news.next)
    limits = Limits(client, settings.kafka_group)
    ingestion, asked = Ingestion(settings, limits, engine), Metrics(settings, limits, client, engine)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        news.start()
        ingestion.start()
        asked.start()
        with on_signal(feeds.close):
            yield
        feeds.close()
        await ingestion.stop()
        await asked.stop()
        await news.stop()
        await client.aclose()
        if engine is not None:
            await engine.dispose()

    built = FastAPI(
        title="Millrace",
        version=VERSION,
        summary="Events in, and live metrics of ride sharing and event ticketing out.",
        lifespan=lifespan,
        docs_url=None,  # its page would load scripts from elsewhere; docs/API.md says the same
        redoc_url=None,
        redirect_slashes=False,  # an address that there is not is refused, and `Location` never holds what was sent
    )
    errors.register(built)
    problems.register(built)
    built.include_router(ingest.routes(ingestion))
    built.include_router(live.routes(numbers))
    for router in _questions(settings, asked, engine):
        built.include_router(router)
    built.include_router(stream.routes(numbers, feeds))
    built.include_router(health.routes(numbers, asked, feeds, ingestion))
    _pages(built)
    built.add_middleware(ingest.Direct, ingestion=ingestion)
    built.add_middleware(Unexpected)
    if settings.ingest_cors_origins:
        built.add_middleware(Cors, path=ingest.PATHS, origins=settings.ingest_cors_origins)
    built.add_middleware(SafeHeaders)
    documented.document(built)
    built.state.numbers, built.state.feeds, built.state.ingestion = numbers, feeds, ingestion
    return built


def _questions(settings: Settings, asked: Metrics, engine: AsyncEngine | None) -> list[APIRouter]:
    """The routes that answer from ClickHouse."""
    return [
        catalogue.routes(),
        metrics.routes(asked),
        board_routes.routes(Boards(settings, asked), Recommended(settings, asked)),
        analytics.routes(Analytics(settings, asked)),
        exports.routes(Exports(settings, asked)),
        job_routes.routes(ExportJobs(settings, asked, engine)),
    ]


def _pages(built: FastAPI) -> None:
    """What a browser shows."""
    built.mount("/static", StaticFiles(directory=STATIC), name="static")
    built.add_api_route("/", page, include_in_schema=False)
    built.add_api_route("/explore", explorer, include_in_schema=False)


def connect_redis(settings: Settings) -> redis.Redis:
    """A pool of connections; none is opened yet. Who finds none free waits for one, and is told after a while."""
    pool = redis.BlockingConnectionPool.from_url(
        settings.redis_url or NO_REDIS,
        max_connections=settings.redis_connections,
        timeout=REDIS_SECONDS,
        socket_timeout=REDIS_SECONDS,
        socket_connect_timeout=REDIS_SECONDS,
        # A connection from before an outage fails once; a new one is tried before anybody is told.
        retry=Retry(NoBackoff(), 1),
    )
    return redis.Redis.from_pool(pool)


async def page() -> FileResponse:
    """The dashboard."""
    return FileResponse(STATIC / "index.html", media_type="text/html")


async def explorer() -> FileResponse:
    """The explorer of metrics and journeys."""
    return FileResponse(STATIC / "explore.html", media_type="text/html")


class SafeHeaders:
    """Tells browsers to load nothing from elsewhere, and to ask each time whether a file of the page is new."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add headers to its answer."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-cache")
            await send(message)

        await self._app(scope, receive, with_headers)


@contextlib.contextmanager
def on_signal(callback: Callable[[], None]) -> Any:
    """Call back before the server's own handler when the process is asked to end: it waits for open streams."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    earlier: dict[int, Any] = {number: signal.getsignal(number) for number in numbers}

    def end(number: int, frame: FrameType | None) -> None:
        callback()
        if callable(earlier[number]):
            earlier[number](number, frame)

    for number in numbers:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, earlier[number])
