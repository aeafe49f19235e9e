"""The last answers in PostgreSQL: written beside, in the background, and read while ClickHouse is away.

Nobody who asks waits for a write. What cannot be written in time is written over by the next answer to the same
question, or given up: the next question makes it again.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
import structlog

from metadata.answers import Answers, Kept
from streams import http_metrics
from streams.errors import MillraceError
from streams.version import VERSION

log = structlog.get_logger(__name__)

WRITE_SECONDS: Final = 2.0
"""How often answers are written."""
TRIM_SECONDS: Final = 60.0
"""How often the oldest are removed."""
LONGEST: Final = 1 << 20
"""Bytes of an answer that is worth keeping."""
WAITING: Final = 256
"""Answers that wait to be written at most; the oldest is given up first."""
ANSWER_SECONDS: Final = 1.5
"""Longest wait for PostgreSQL by somebody who asks."""


class Last(NamedTuple):
    """What was answered last."""

    body: bytes
    age_seconds: float


class Fallback:
    """The last answers of all web processes of a group, in PostgreSQL."""

    def __init__(
        self,
        answers: Answers,
        group: str,
        *,
        seconds: float,
        most_bytes: int,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`seconds`: age up to which they are served. `most_bytes`: how much of them is kept."""
        self._answers = answers
        self._group = group
        self._seconds = seconds
        self._most_bytes = most_bytes
        self._clock = clock
        self._waiting: dict[str, Kept] = {}
        self._writing: asyncio.Task[None] | None = None
        self._trimmed = 0.0
        self._is_away = False

    def start(self) -> None:
        """Begin to write."""
        self._writing = asyncio.create_task(self._write_on())

    async def stop(self) -> None:
        """Write what still waits."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.wait([self._writing])
        await self.write()

    def keep(self, question: list[Any], body: bytes) -> None:
        """Have an answer written; returns at once."""
        if self._seconds <= 0 or len(body) > LONGEST:
            return
        key = self._key(question)
        self._waiting.pop(key, None)  # so that the newest stands last
        self._waiting[key] = Kept(key, body, self._clock())
        while len(self._waiting) > WAITING:
            del self._waiting[next(iter(self._waiting))]
            http_metrics.FALLBACK_WRITES.labels("given_up").inc()

    async def find(self, question: list[Any]) -> Last | None:
        """The last answer, if it is young enough, and PostgreSQL has it and answers."""
        key, now = self._key(question), self._clock()
        oldest = now - timedelta(seconds=self._seconds)
        kept = self._waiting.get(key)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                kept = kept or await self._answers.find(key, oldest)
        except (MillraceError, TimeoutError) as error:
            self._told_away(error)
        if kept is None or kept.made_at < oldest:
            return None
        return Last(kept.content, max(0.0, (now - kept.made_at).total_seconds()))

    async def write(self) -> None:
        """Write what waits now, and remove what is too old or too much, if that is due."""
        answers, self._waiting = self._waiting, {}
        try:
            if answers:
                await self._answers.put([*answers.values()])
                http_metrics.FALLBACK_WRITES.labels("kept").inc(len(answers))
            if time.monotonic() - self._trimmed > TRIM_SECONDS:
                self._trimmed = time.monotonic()
                await self._answers.trim(self._clock() - timedelta(seconds=self._seconds), self._most_bytes)
            self._is_away = False
        except (MillraceError, asyncio.CancelledError) as error:
            self._waiting = answers | self._waiting
            if isinstance(error, asyncio.CancelledError):
                raise
            self._told_away(error)

    async def _write_on(self) -> None:
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            await self.write()

    def _told_away(self, error: BaseException) -> None:
        if not self._is_away:
            log.warning("last answers cannot be kept in PostgreSQL", error=str(error) or "no answer in time")
        self._is_away = True

    def _key(self, question: list[Any]) -> str:
        return hashlib.sha256(msgspec.json.encode([self._group, VERSION, question])).hexdigest()
