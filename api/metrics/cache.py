"""Answers kept in Redis: by the question and the data's watermark, made once however many ask, old before nothing.

The watermark is when the newest batch was delivered. It is rounded down to the time that answers of a class are kept,
and stands in the key. So while the stream runs the key changes once in that time; then the answer under the key before
is served, and the new one is made beside.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final, cast

import msgspec
import redis.asyncio as redis
import structlog
from redis.exceptions import RedisError

from streams.errors import MillraceError, QueryRefused

log = structlog.get_logger(__name__)

Content = dict[str, Any]
Make = Callable[[], Awaitable[Content]]
STEPS: Final = 2
"""An answer is kept for so many times of its class: the second time it is stale."""
AWAY_SECONDS: Final = 5.0
"""How long Redis is left alone after it did not answer."""
ANSWER_SECONDS: Final = 0.5
LOCK_SECONDS: Final = 10
WAIT_SECONDS: Final = 3.0
"""How long is waited for an answer that another process makes."""
LOOK_SECONDS: Final = 0.05


class AnswerCache:
    """The answers that all web processes of a group share."""

    def __init__(self, client: redis.Redis, group: str) -> None:
        self._client = client
        self._prefix = f"{group}:metrics:"
        self._making: dict[str, asyncio.Task[Content]] = {}
        self._away_until = 0.0

    async def get(
        self, question: list[Any], watermark: datetime | None, seconds: float, make: Make
    ) -> tuple[Content, str]:
        """An answer and how it came: hit, stale, shared, miss, or off where Redis is away. Raises what `make` raises.

        `seconds`: how long answers of this class are kept; 0: not at all.
        """
        if seconds <= 0:
            return await make(), "off"
        step = _step(watermark, seconds)
        key, before = self._key(question, step, seconds), self._key(question, step - 1, seconds)
        found = await self._read(key, before)
        if found is None:
            return await self._shared(key, seconds, make, away=True)
        if found[0] is not None:
            return msgspec.json.decode(found[0]), "hit"
        if found[1] is not None:
            self._task(key, seconds, make)
            return msgspec.json.decode(found[1]), "stale"
        return await self._shared(key, seconds, make, away=False)

    async def stop(self) -> None:
        """Let what is being made end."""
        tasks = [*self._making.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _key(self, question: list[Any], step: int, seconds: float) -> str:
        text = msgspec.json.encode([question, step, seconds])
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

    async def _shared(self, key: str, seconds: float, make: Make, *, away: bool) -> tuple[Content, str]:
        how = "shared" if key in self._making else "off" if away else "miss"
        return await asyncio.shield(self._task(key, seconds, make)), how

    def _task(self, key: str, seconds: float, make: Make) -> asyncio.Task[Content]:
        """The one task of this process that makes an answer."""
        task = self._making.get(key)
        if task is None:
            task = self._making[key] = asyncio.create_task(self._made(key, seconds, make))
            task.add_done_callback(lambda done: self._ended(key, done))
        return task

    def _ended(self, key: str, done: asyncio.Task[Content]) -> None:
        self._making.pop(key, None)
        if not done.cancelled() and (error := done.exception()) and not isinstance(error, QueryRefused):
            log.warning("an answer cannot be made", error=str(error))

    async def _made(self, key: str, seconds: float, make: Make) -> Content:
        """Make it, or take what another process has made meanwhile."""
        lock = f"{key}:lock"
        is_ours = await self._ask(lambda: self._client.set(lock, b"1", nx=True, ex=LOCK_SECONDS))
        if is_ours is None and time.monotonic() >= self._away_until:
            elsewhere = await self._awaited(key, lock)
            if elsewhere is not None:
                return elsewhere
        try:
            # Whoever held the lock before may have made it since the caller looked.
            if is_ours and (found := await self._read(key)) and found[0] is not None:
                return cast(Content, msgspec.json.decode(found[0]))
            content = await make()
            body, life = msgspec.json.encode(content), int(max(1, STEPS * seconds))
            await self._ask(lambda: self._client.set(key, body, ex=life))
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
        """Of a domain. Raises what ClickHouse's client raises, where nothing is known yet."""
        known = self._known.get(domain)
        if known is not None and time.monotonic() - known[0] < self._seconds:
            return known[1]
        task = self._asking.get(domain)
        if task is None:
            task = self._asking[domain] = asyncio.create_task(self._look(domain))
            task.add_done_callback(lambda _: self._asking.pop(domain, None))
        try:
            return await asyncio.shield(task)
        except MillraceError:
            if known is None:
                raise
            return known[1]

    async def _look(self, domain: str) -> datetime | None:
        found = await self._ask(domain)
        self._known[domain] = (time.monotonic(), found)
        return found
