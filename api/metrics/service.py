"""The way of one request for metrics: the key, the questions, the cache, ClickHouse, the answer."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import msgspec
import redis.asyncio as redis
import structlog
from clickhouse_connect.driver.asyncclient import AsyncClient
from fastapi import Request
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncEngine

from api import problems
from api.ingest import guard
from api.ingest.guard import Guard
from api.ingest.limits import Limits
from api.metrics import cursor, freshness, geo, parameters
from api.metrics.cache import AnswerCache, Content, Make, Watermarks
from api.metrics.fallback import Fallback
from api.metrics.freshness import Freshness
from api.problems import Problem, later
from clickhouse.client import connect as connect_clickhouse
from clickhouse.metrics import catalogue, shown
from clickhouse.metrics.answer import answer, as_of
from clickhouse.metrics.metric import Cache, Metric
from clickhouse.metrics.question import Question
from clickhouse.recommend.routes import TOO_LITTLE
from metadata.answers import Answers
from metadata.audit import Act, Action, Audit, Entry
from metadata.keys import Keys
from metadata.models import ApiKey
from streams import http_metrics
from streams.errors import MillraceError, QueryRefused, SinkUnavailable
from streams.persons import PERSON_FIELDS
from streams.settings import Settings

log = structlog.get_logger(__name__)
T = TypeVar("T")

PROBE_SECONDS: Final = 1.0
"""Longest wait of a probe for ClickHouse."""
_HOW: Final = ("cache", "age_seconds")
"""What an answer says of how it came, which is no part of it."""
_PER_ROW: Final = ("metric", "unit", "by", "exact", "source", "as_of", "compared_with", "rows", "next_cursor")


@dataclass(frozen=True)
class Parts:
    """What is needed beside the settings; there is none of it where a URL is missing."""

    guard: Guard
    fallback: Fallback
    audit: Audit


class Metrics:
    """Metrics of one web process."""

    def __init__(self, settings: Settings, limits: Limits, client: redis.Redis, engine: AsyncEngine | None) -> None:
        """`engine`: the metadata database; None where no setting names one."""
        self._settings = settings
        self._limits = limits
        self._parts = self._built(settings, engine)
        self._cache = AnswerCache(client, settings.kafka_group, self._parts.fallback if self._parts else None)
        self._watermarks = Watermarks(self._watermark)
        self._turns = asyncio.Semaphore(settings.metrics_concurrency)
        self._connecting = asyncio.Lock()
        self._reader: AsyncClient | None = None

    def _built(self, settings: Settings, engine: AsyncEngine | None) -> Parts | None:
        if engine is None or settings.clickhouse_url is None:
            return None
        keys = Guard(Keys(engine, settings), settings.api_key_cache_seconds, settings.api_key_grace_seconds)
        most, age = settings.cache_fallback_bytes, settings.cache_fallback_seconds
        fallback = Fallback(Answers(engine, settings), settings.kafka_group, seconds=age, most_bytes=most)
        return Parts(keys, fallback, Audit(engine, settings))

    def start(self) -> None:
        """Begin to note which keys are used, and to write answers down."""
        if self._parts is not None:
            self._parts.guard.start()
            self._parts.fallback.start()

    async def stop(self) -> None:
        """Let what is under way end."""
        await self._cache.stop()
        if self._reader is not None:
            await self._reader.close()
        if self._parts is not None:
            await self._parts.fallback.stop()
            await self._parts.guard.stop()

    async def answer(self, group: str, request: Request) -> Response:
        """Answer a request for metrics of a group. Never raises for what a client sends."""
        return await told(group, self._answer(group, request))

    async def _answer(self, group: str, request: Request) -> Response:
        key = await self.admit(request)
        for domain in dict.fromkeys(metric.domain.name for metric in catalogue.of_group(group)):
            guard.allow_reading(key, domain)
        asked = parameters.read(group, request.query_params)
        allow_people(key, asked)
        return respond(_head(group, asked.questions[0]), await self._all(asked), request.headers)

    async def geo(self, request: Request) -> Response:
        """Answer a request for metrics by place. Never raises for what a client sends."""
        return await told(geo.GROUP, self._geo(request))

    async def _geo(self, request: Request) -> Response:
        key = await self.admit(request)
        given = geo.read(request.query_params)
        guard.allow_reading(key, given.domain.name)
        allow_people(key, given.asked)
        found = [geo.shown(given, each) for each in await self._all(given.asked)]
        head = _head(geo.GROUP, given.asked.questions[0])
        return respond(head | {"domain": given.domain.name, "level": given.level.value}, found, request.headers)

    async def admit(self, request: Request) -> ApiKey:
        """The key that a request shows, once its turn has come. Raises Problem."""
        if self._parts is None:
            detail = "DATABASE_URL or CLICKHOUSE_URL is not set."
            raise later(503, "not_configured", "Metrics cannot be read here", detail, 60)
        key = await self._parts.guard.admit(request.headers.get("authorization"))
        rate = key.requests_per_second or self._settings.metrics_requests_per_second
        wait = await self._limits.take(f"{key.id}:metrics", 1, rate)
        if wait > 0:
            detail = f"Key {key.id} may ask {rate} times a second. Ask again later."
            raise later(429, "too_fast", "Too many questions", detail, wait, limit=rate)
        return key

    @asynccontextmanager
    async def recorded(self, key: ApiKey, action: Action, subject: str, how: Mapping[str, Any]) -> AsyncIterator[Act]:
        """Record in the audit log what a key has done in the block. Raises Problem (503) where that cannot be said."""
        assert self._parts is not None
        audit, entry = self._parts.audit, Entry(f"key:{key.id}", action, subject, how)
        try:
            record = await audit.begin(entry)
        except MillraceError as error:
            log.warning("an act cannot be recorded, and is refused", action=str(action), error=str(error))
            detail = "The audit log cannot be written now, and this is not done without it. Try again later."
            raise later(503, "audit_unavailable", "The act cannot be recorded", detail) from error
        async with audit.ending(record) as act:
            yield act

    async def _all(self, asked: parameters.Asked) -> Sequence[Content]:
        """The answers about all metrics that are asked for."""
        return await asyncio.gather(*(self._one(each, compare=asked.compare) for each in asked.questions))

    async def _one(self, question: Question, *, compare: bool) -> Content:
        """The answer about one metric, and how it came."""
        may_be = kept(self._settings, question, datetime.now(UTC))
        asked = [*cursor.fingerprint(question), question.offset, compare]
        domain = question.metric.domain.name
        return await self.shared(domain, asked, may_be, lambda: self._made(question, compare=compare))

    async def shared(self, domain: str, asked: list[Any], may_be: Freshness, make: Make) -> Content:
        """An answer about a domain, kept or made now, and how it came. Raises what `make` raises.

        `asked`: all that makes the question what it is; `may_be`: how old answers to it may be.
        """
        try:
            watermark = await self._watermarks.of(domain)
        except SinkUnavailable:
            found = await self._cache.last(asked) if may_be.fresh > 0 else None
            if found is None:
                raise
        else:
            found = await self._cache.get(asked, watermark, may_be, make)
        content, how = found
        http_metrics.METRIC_ANSWERS.labels(how).inc()
        return content | {"cache": how}

    async def _made(self, question: Question, *, compare: bool) -> Content:
        found = await self.read(
            lambda client: answer(client, question, compare=compare), lambda found: found.reading.source.is_rows
        )
        following = cursor.write(question, question.offset + question.limit) if found.has_more else None
        plain = shown.answer(found) | {"next_cursor": following}
        return {name: plain[name] for name in _PER_ROW}

    async def read(self, ask: Callable[[AsyncClient], Awaitable[T]], is_rows: Callable[[T], bool]) -> T:
        """What ClickHouse answers once it is this question's turn, its time counted. Raises what `ask` raises."""
        async with self._turns:
            began = time.perf_counter()
            found = await ask(await self.client())
        kind = "rows" if is_rows(found) else "aggregate"
        http_metrics.METRIC_SECONDS.labels(kind).observe(time.perf_counter() - began)
        return found

    async def _watermark(self, domain: str) -> datetime | None:
        metric = next(metric for metric in catalogue.METRICS if metric.domain.name == domain)
        return await as_of(await self.client(), metric)

    async def client(self) -> AsyncClient:
        """The client, once ClickHouse has answered. Raises as `clickhouse.client.connect` does."""
        async with self._connecting:
            if self._reader is None:
                self._reader = await connect_clickhouse(self._settings, reading=True)
            return self._reader

    async def problem(self) -> str:
        """`ok`, or why no metric can be read from ClickHouse now. Never raises for an outage."""
        if self._parts is None:
            return "off; metrics need DATABASE_URL and CLICKHOUSE_URL"
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                answers = await (await self.client()).ping(PROBE_SECONDS)
        except (TimeoutError, MillraceError) as error:
            return str(error) or f"ClickHouse gave no answer in {PROBE_SECONDS:g} s"
        return "ok" if answers else "ClickHouse does not answer"


async def told(group: str, answering: Awaitable[Response]) -> Response:
    """The answer to a request for what a group names, counted; whatever refuses it becomes a problem."""
    try:
        response = await answering
    except Problem as problem:
        response = problems.respond(problem)
    except QueryRefused as error:
        response = problems.respond(refusal(error))
    except MillraceError as error:
        log.warning("metrics cannot be read", error=str(error))
        detail = "The numbers cannot be read now; try again later. The server's log says why."
        response = problems.respond(later(503, "store_unavailable", "The store does not answer", detail))
    http_metrics.METRIC_REQUESTS.labels(group, str(response.status_code)).inc()
    return response


def allow_people(key: ApiKey, asked: parameters.Asked) -> None:
    """Check that a key may see the people whom questions name, if they name any. Raises Problem (403)."""
    if any(map(tells_people, asked.questions)):
        guard.allow_people(key)


def tells_people(question: Question) -> bool:
    """Whether people's ids stand in a question or in its answer."""
    return any(name in PERSON_FIELDS for name in question.wanted)


def kept(settings: Settings, question: Question, now: datetime) -> Freshness:
    """How old an answer may be: by whether it holds ids of people, whether its period has closed, and by its class."""
    if tells_people(question):
        return freshness.of_people(settings)
    if not freshness.has_closed(question.end, now):
        return freshness.running(settings)
    metric: Metric = question.metric
    return freshness.of_cohorts(settings) if metric.cache is Cache.COHORT else freshness.closed(settings)


def refusal(error: QueryRefused) -> Problem:
    """What was asked wrong, as a problem: which value, what would do, what was perhaps meant."""
    return problems.refused(error, 409 if error.code == TOO_LITTLE else 400)  # nothing is wrong with the question then


def _head(group: str, question: Question) -> dict[str, Any]:
    """What the answers to all questions of a request share."""
    zone = question.zone
    return {
        "group": group,
        "from": shown.moment(question.begin.astimezone(zone)),
        "to": shown.moment(question.end.astimezone(zone)),
        "zone": zone.key,
        "granularity": question.granularity.value,
    }


def respond(head: Content, found: Sequence[Content], headers: Mapping[str, str]) -> Response:
    """The answers about metrics as one document; see `send`."""
    return send(head | {"metrics": found}, [head, [_unkept(each) for each in found]], headers)


def send(content: Content, same: Any, headers: Mapping[str, str]) -> Response:
    """A document, with an ETag by which an unchanged one is not sent again; `same`: what tells that it is unchanged."""
    tag = f'W/"{hashlib.sha256(msgspec.json.encode(same)).hexdigest()[:32]}"'
    sent = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}
    if tag in [each.strip() for each in headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=sent)
    return Response(msgspec.json.encode(content), media_type="application/json", headers=sent)


def _unkept(content: Content) -> Content:
    """An answer without how it came."""
    return {name: value for name, value in content.items() if name not in _HOW}
