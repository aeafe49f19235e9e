"""Answers kept in Redis: by the question and the data's watermark, made once however many ask, old before nothing.

The watermark is when the newest batch was delivered. It is rounded down to the time that answers of a class are fresh,
and stands in the key. So while the stream runs the key changes once in that time; then the newest answer under the keys
before is served, as far back as answers of the class are served at all, and the new one is made beside. While
ClickHouse is away and Redis has none, or is away too, the last answer in PostgreSQL is served with its age.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

import msgspec
import redis.asyncio as redis
import structlog
from redis.exceptions import RedisError

from api.metrics.fallback import Fallback
from api.metrics.freshness import Freshness
from api.metrics.misses import Misses
from streams.errors import MillraceError, QueryRefused, SinkUnavailable

log = structlog.get_logger(__name__)

Content = dict[str, Any]
Make = Callable[[], Awaitable[Content]]
AWAY_SECONDS: Final = 5.0
"""How long Redis is left alone after it did not answer."""
ANSWER_SECONDS: Final = 0.5
LOCK_SECONDS: Final = 10
WAIT_SECONDS: Final = 3.0
"""How long is waited for an answer that another process makes."""
LOOK_SECONDS: Final = 0.05
PATIENCE_SECONDS: Final = 12.0
"""How long an answer may take until the last one is served instead; no question may work longer than 10 seconds."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An answer that is asked for."""

    question: list[Any]
    place: str
    """Where Redis has the answers to the question."""
    step: int
    """The step of the data that is asked for."""
    freshness: Freshness
    make: Make

    @property
    def key(self) -> str:
        """Where Redis has this one."""
        return f"{self.place}:{self.step}"

    @property
    def keys(self) -> list[str]:
        """The same, and where it has those that may be served instead, the newest first."""
        return [f"{self.place}:{self.step - back}" for back in range(self.freshness.steps + 1)]


class AnswerCache:
    """The answers that all web processes of a group share."""

    def __init__(self, client: redis.Redis, group: str, fallback: Fallback | None = None) -> None:
        self._client = client
        self._prefix = f"{group}:metrics:"
        self._fallback = fallback
        self._misses = Misses()
        self._making: dict[str, asyncio.Task[Content]] = {}
        self._away_until = 0.0
        self._store_away_until = 0.0

    async def get(
        self, question: list[Any], watermark: datetime | None, freshness: Freshness, make: Make
    ) -> tuple[Content, str]:
        """An answer and how it came: hit, stale, shared, miss, off where Redis is away, fallback where ClickHouse is.

        Raises what `make` raises.
        """
        if freshness.fresh <= 0:
            return await make(), "off"
        place = self._place(question, freshness)
        wanted = _Wanted(question, place, _step(watermark, freshness.fresh), freshness, make)
        found = await self._read(*wanted.keys)
        if found is None:
            return await self._shared(wanted, away=True)
        for back, body in enumerate(found):
            if body is not None:
                self._misses.had(wanted.place, wanted.step - back)
                if back:
                    self._task(wanted)
                return msgspec.json.decode(body), "stale" if back else "hit"
        return await self._shared(wanted, away=False)

    async def last(self, question: list[Any]) -> tuple[Content, str] | None:
        """The last answer in PostgreSQL with its age, and how it came: fallback. None if there is none to be served."""
        found = None if self._fallback is None else await self._fallback.find(question)
        if found is None:
            return None
        return msgspec.json.decode(found.body) | {"age_seconds": round(found.age_seconds, 1)}, "fallback"

    async def stop(self) -> None:
        """Let what is being made end."""
        tasks = [*self._making.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _place(self, question: list[Any], freshness: Freshness) -> str:
        text = msgspec.json.encode([question, freshness.fresh])
        return self._prefix + hashlib.sha256(text).hexdigest()[:40]

    async def _read(self, *keys: str) -> list[bytes | None] | None:
        found: list[bytes | None] | None = await self._ask(lambda: self._client.mget(keys))
        return found

    async def _ask(self, what: Callable[[], Awaitable[Any]]) -> Any:
        """What Redis says; None while it is away."""
        if time.monotonic() < self._away_until:
            return None
        try:
            return await asyncio.wait_for(what(), ANSWER_SECONDS)
        except (RedisError, OSError, TimeoutError) as error:
            self._away_until = time.monotonic() + AWAY_SECONDS
            log.warning("answers cannot be kept", error=str(error) or "no answer in time")
            return None

    async def _shared(self, wanted: _Wanted, *, away: bool) -> tuple[Content, str]:
        how = "shared" if wanted.key in self._making else "off" if away else "miss"
        if time.monotonic() < self._store_away_until and (last := await self.last(wanted.question)):
            return last
        if how == "miss":
            self._misses.count(wanted.place, wanted.step, wanted.freshness.steps)
        task = self._task(wanted)
        try:
            return await asyncio.wait_for(asyncio.shield(task), PATIENCE_SECONDS), how
        except (SinkUnavailable, TimeoutError):
            self._store_away_until = time.monotonic() + AWAY_SECONDS
            if last := await self.last(wanted.question):
                return last
            return await asyncio.shield(task), how

    def _task(self, wanted: _Wanted) -> asyncio.Task[Content]:
        """The one task of this process that makes an answer."""
        task = self._making.get(wanted.key)
        if task is None:
            task = self._making[wanted.key] = asyncio.create_task(self._made(wanted))
            task.add_done_callback(lambda done: self._ended(wanted.key, done))
        return task

    def _ended(self, key: str, done: asyncio.Task[Content]) -> None:
        self._making.pop(key, None)
        if not done.cancelled() and (error := done.exception()) and not isinstance(error, QueryRefused):
            log.warning("an answer cannot be made", error=str(error))

    async def _made(self, wanted: _Wanted) -> Content:
        """Make it, or take what another process has made meanwhile."""
        key, lock = wanted.key, f"{wanted.key}:lock"
        is_ours = await self._ask(lambda: self._client.set(lock, b"1", nx=True, ex=LOCK_SECONDS))
        if is_ours is None and time.monotonic() >= self._away_until:
            elsewhere = await self._awaited(key, lock)
            if elsewhere is not None:
                return elsewhere
        try:
            # Whoever held the lock before may have made it since the caller looked.
            if is_ours and (found := await self._read(key)) and found[0] is not None:
                return cast(Content, msgspec.json.decode(found[0]))
            content = await wanted.make()
            body, life = msgspec.json.encode(content), max(1, round(wanted.freshness.life * 1000))
            self._misses.had(wanted.place, wanted.step)
            if self._fallback is not None:
                self._fallback.keep(wanted.question, body)
            await self._ask(lambda: self._client.set(key, body, px=life))
        finally:
            if is_ours:
                await self._ask(lambda: self._client.delete(lock))
        return content

    async def _awaited(self, key: str, lock: str) -> Content | None:
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            await asyncio.sleep(LOOK_SECONDS)
            found = await self._read(key, lock)
            if found is None:
                return None
            if found[0] is not None:
                content: Content = msgspec.json.decode(found[0])
                return content
            if found[1] is None:
                return None
        return None


def _step(watermark: datetime | None, seconds: float) -> int:
    return 0 if watermark is None else int(watermark.timestamp() // seconds)


class Watermarks:
    """The watermark of each domain, asked for once a second at most; the last known one while ClickHouse is away."""

    def __init__(self, ask: Callable[[str], Awaitable[datetime | None]], seconds: float = 1.0) -> None:
        self._ask = ask
        self._seconds = seconds
        self._known: dict[str, tuple[float, datetime | None]] = {}
        self._asking: dict[str, asyncio.Task[datetime | None]] = {}

    async def of(self, domain: str) -> datetime | None:
        """Of a domain. Raises what ClickHouse's client raises, SinkUnavailable if it is silent, where none is known."""
        known = self._known.get(domain)
        if known is not None and time.monotonic() - known[0] < self._seconds:
            return known[1]
        task = self._asking.get(domain)
        if task is None:
            task = self._asking[domain] = asyncio.create_task(self._look(domain))
            task.add_done_callback(lambda done: self._ended(domain, done))
        try:
            return await asyncio.wait_for(asyncio.shield(task), WAIT_SECONDS)
        except (MillraceError, TimeoutError) as error:
            if known is not None:
                return known[1]
            if isinstance(error, TimeoutError):
                raise SinkUnavailable(f"ClickHouse says nothing for {WAIT_SECONDS:.0f} s") from error
            raise

    async def _look(self, domain: str) -> datetime | None:
        found = await self._ask(domain)
        self._known[domain] = (time.monotonic(), found)
        return found

    def _ended(self, domain: str, done: asyncio.Task[datetime | None]) -> None:
        self._asking.pop(domain, None)
        if not done.cancelled() and (error := done.exception()):
            log.debug("no watermark", domain=domain, error=str(error))
