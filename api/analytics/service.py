"""The way of one question of product analytics: the key, the words, the cache, ClickHouse, the answer."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from clickhouse_connect.driver.asyncclient import AsyncClient
from fastapi import Request
from fastapi.responses import Response

from api.ingest import guard
from api.metrics import freshness
from api.metrics.cache import Content
from api.metrics.freshness import Freshness
from api.metrics.service import Metrics, told
from api.problems import Problem
from clickhouse.analytics import funnel, funnel_answer, run, words
from clickhouse.analytics.kinds import Kind, Question, tells_people
from clickhouse.analytics.words import PeopleWords
from metadata.audit import Action
from streams import http_metrics
from streams.settings import Settings

PEOPLE: Final = "people"
_HEADERS: Final = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}
_Ask = Callable[[AsyncClient], Awaitable[Content]]


class Analytics:
    """Product analytics of one web process; keys, cache and client are those of the metrics."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._turns = asyncio.Semaphore(settings.analytics_concurrency)

    async def answer(self, kind: Kind, request: Request) -> Response:
        """Answer a question. Never raises for what a client sends."""
        return await told(f"analytics.{kind.name}", self._answer(kind, request))

    async def people(self, request: Request) -> Response:
        """Answer who is at a step of a funnel; such an answer is kept nowhere. Never raises for what a client sends."""
        return await told(f"analytics.{PEOPLE}", self._people(request))

    async def _answer(self, kind: Kind, request: Request) -> Response:
        key = await self._metrics.admit(request)
        given = words.read(kind.words, await _body(request))
        guard.allow_reading(key, given.domain)
        question = kind.ask(given)
        if tells_people(question):
            guard.allow_people(key)
        asked = fingerprint(kind, question, given.model_dump(exclude={"begin", "to", "zone"}))
        may_be = kept(self._settings, question, datetime.now(UTC))
        content = await self._metrics.shared(
            question.span.domain.name,
            asked,
            may_be,
            lambda: self._made(kind.name, lambda client: kind.answer(client, question, run.LIMITS)),
        )
        return _respond(content)

    async def _people(self, request: Request) -> Response:
        key = await self._metrics.admit(request)
        given = words.read(PeopleWords, await _body(request))
        guard.allow_reading(key, given.domain)
        guard.allow_people(key)
        # The limit of the words is one of ids here, not of groups.
        asked = funnel.ask(given.model_copy(update={"limit": 1}))
        how = {"domain": given.domain, "step": given.step}
        async with self._metrics.recorded(key, Action.PEOPLE_READ, PEOPLE, how) as act:
            content = await self._made(PEOPLE, lambda client: funnel_answer.people(client, asked, given))
            act.figures["ids"] = len(content[PEOPLE])
        return _respond(content)

    async def _made(self, name: str, ask: _Ask) -> Content:
        async with self._turns:
            began = time.perf_counter()
            found = await ask(await self._metrics.client())
        http_metrics.ANALYTICS_SECONDS.labels(name, found["path"]).observe(time.perf_counter() - began)
        return found


def fingerprint(kind: Kind, question: Question, given: dict[str, Any]) -> list[Any]:
    """All that makes a question what it is: its words, with times as they were meant."""
    span = question.span
    return ["analytics", kind.name, span.begin.isoformat(), span.end.isoformat(), span.zone.key, given]


def kept(settings: Settings, question: Question, now: datetime) -> Freshness:
    """How old an answer may be: by whether it holds ids of people, and whether its people can still begin, or go on."""
    if tells_people(question):
        return freshness.of_people(settings)
    if freshness.has_closed(question.until, now):
        return freshness.closed(settings)
    is_closed = freshness.has_closed(question.span.end, now)
    return freshness.of_cohorts(settings) if is_closed else freshness.running(settings)


async def _body(request: Request) -> bytes:
    """The body. Raises Problem (413) where it is longer than any question."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > words.LONGEST:
            detail = f"A question has {words.LONGEST:,} bytes at most. Send a shorter one."
            raise Problem(413, "too_long", "The question is too long", detail, limit=words.LONGEST)
    return body


def _respond(content: Content) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json", headers=_HEADERS)
