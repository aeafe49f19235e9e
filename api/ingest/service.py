"""The way of one request from its head to its answer."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.requests import ClientDisconnect

from api import problems
from api.ingest import answer, body, guard, split
from api.ingest.guard import Guard
from api.ingest.hold import Budget, Hold
from api.ingest.judge import Policy, judge
from api.ingest.limits import Limits
from api.ingest.publish import Publisher, Unavailable
from api.ingest.split import Items, Mode
from api.problems import Problem, later
from metadata.keys import Keys
from metadata.models import ApiKey
from streams import http_metrics
from streams.codec import EnvelopeStruct, Refusal, spec_of
from streams.settings import Settings

GONE = 499
"""Status, for the metrics alone, of a request whose client went away before it was read."""


@dataclass(frozen=True)
class Parts:
    """What ingestion needs beside the settings; there is none of it where a URL is missing."""

    guard: Guard
    publisher: Publisher


class Ingestion:
    """HTTP ingestion of one web process."""

    def __init__(self, settings: Settings, limits: Limits, engine: AsyncEngine | None) -> None:
        """`engine`: the metadata database; None where no setting names one."""
        self._settings = settings
        self._limits = limits
        self._budget = Budget(settings.ingest_buffer_bytes)
        self._policy = Policy.of(settings)
        self._underway = 0
        self._parts = self._built(settings, engine)

    def _built(self, settings: Settings, engine: AsyncEngine | None) -> Parts | None:
        if engine is None or settings.kafka_bootstrap_servers is None:
            return None
        keys = Guard(Keys(engine, settings), settings.api_key_cache_seconds, settings.api_key_grace_seconds)
        seconds = (settings.ingest_ack_seconds, settings.ingest_stalled_seconds)
        return Parts(keys, Publisher(settings.kafka_bootstrap_servers, self._budget, *seconds))

    @property
    def problem(self) -> str:
        """Why no event can be taken now; empty if they can."""
        if self._parts is None:
            return "DATABASE_URL or KAFKA_BOOTSTRAP_SERVERS is not set"
        try:
            self._parts.publisher.check()
        except Unavailable as error:
            return str(error)
        return ""

    def start(self) -> None:
        """Begin to connect; events are refused until that is done."""
        if self._parts is not None:
            self._parts.publisher.start()
            self._parts.guard.start()

    async def stop(self) -> None:
        """Let what is under way end."""
        if self._parts is not None:
            await self._parts.publisher.stop()
            await self._parts.guard.stop()

    async def post(self, request: Request, modes: frozenset[Mode]) -> Response:
        """Answer a request that holds events. Never raises for what a client sends."""
        began = time.perf_counter()
        mode = "none"
        self._underway += 1
        http_metrics.UNDERWAY.set(self._underway)
        try:
            key, publisher = await self._admit(request)
            listed = _listed(request)
            wanted = split.mode_of(request.headers, modes)
            with Hold(self._budget) as hold:
                items = await self._items(request, wanted, hold)
                mode = items.mode.value
                await self._slow_down(key, "events", items.count, key.events_per_second)
                response = await self._publish(key, publisher, items, listed)
            status = response.status_code
        except Problem as problem:
            response, status = problems.respond(problem), problem.status
            if status in (429, 503):
                http_metrics.TURNED_AWAY.labels(problem.code).inc()
        except ClientDisconnect:
            response, status = Response(status_code=400), GONE
        finally:
            self._underway -= 1
            http_metrics.UNDERWAY.set(self._underway)
        http_metrics.REQUESTS.labels(mode, str(status)).inc()
        http_metrics.SECONDS.observe(time.perf_counter() - began)
        return response

    async def _admit(self, request: Request) -> tuple[ApiKey, Publisher]:
        """What can be said before the body is read. Raises Problem."""
        most = self._settings.ingest_concurrency
        if self._underway > most:
            detail = f"This web process works on {most} requests, which is all that it may (INGEST_CONCURRENCY)."
            raise later(503, "busy", "The server is busy", f"{detail} Nothing was sent; send it again later.")
        if self._parts is None:
            raise later(503, "not_configured", "Events cannot be posted here", f"{self.problem}.", 60)
        key = await self._parts.guard.admit(request.headers.get("authorization"))
        guard.allow_writing(key)
        await self._slow_down(key, "requests", 1, key.requests_per_second)
        try:
            self._parts.publisher.check()
        except Unavailable as error:
            raise _away(error) from error
        return key, self._parts.publisher

    async def _slow_down(self, key: ApiKey, what: str, count: int, own: int | None) -> None:
        usual = {
            "requests": self._settings.ingest_requests_per_second,
            "events": self._settings.ingest_events_per_second,
        }
        rate = own or usual[what]
        wait = await self._limits.take(f"{key.id}:{what}", count, rate)
        if wait > 0:
            raise later(
                429,
                "too_fast",
                f"Too many {what}",
                f"Key {key.id} may send {rate} {what} a second. Nothing was sent; send it again later.",
                wait,
                limit=rate,
            )

    async def _items(self, request: Request, mode: Mode, hold: Hold) -> Items:
        settings = self._settings
        whole = await body.read(request, settings.ingest_body_bytes, settings.ingest_read_seconds, hold)
        hold.more(len(whole))  # the events are parts of it, copied
        return split.split(mode, request.headers, whole, settings.ingest_items)

    async def _publish(self, key: ApiKey, publisher: Publisher, items: Items, listed: answer.Listed) -> Response:
        """Judge the events, send those that are accepted, and wait for the broker. Raises Problem."""
        if items.refusal is not None:
            return answer.compose(answer.verdicts([items.refusal], []), listed)
        found = await judge(items.values, self._policy)
        accepted = [(each, value) for each, value in zip(found, items.values, strict=True) if type(each) is not Refusal]
        guard.allow(key, {(spec.domain.name, spec.topic) for spec in {spec_of(type(each)) for each, _ in accepted}})  # type: ignore[arg-type]
        try:
            lots = publisher.append(_records(accepted))
        except Unavailable as error:
            raise _away(error) from error
        await publisher.wait(lots)
        return answer.compose(answer.verdicts(found, lots), listed)


def _listed(request: Request) -> answer.Listed:
    text = request.query_params.get("items", answer.Listed.ALL.value)
    try:
        return answer.Listed(text)
    except ValueError:
        detail = f"items={text[:80]!r} is none of {', '.join(answer.Listed)}. Nothing was sent."
        raise Problem(400, "bad_parameter", "A parameter does not fit", detail) from None


def _records(accepted: Sequence[tuple[EnvelopeStruct | Any, bytes]]) -> list[tuple[str, bytes, bytes]]:
    """Topic, key and value as any other producer sends them."""
    return [((spec := spec_of(type(each))).topic, spec.key(each.data), value) for each, value in accepted]


def _away(error: Unavailable) -> Problem:
    detail = f"{error}. Nothing was sent; send it again later."
    return later(503, "broker_unavailable", "The broker does not acknowledge", detail, answer.RETRY_SECONDS)
