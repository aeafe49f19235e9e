"""What of a shard is fetched: nothing while its buffer is full, and no topic that is far ahead of the slowest one.

The second is watermark alignment (Flink's FLIP-182). Topics of a backlog are fetched by bytes, not by time: a sparse
one would be at its end while a dense one is still days behind. The shard's watermark follows the slowest, so the
windows of all the days between would have to be held in memory.
"""

from collections.abc import Collection, Mapping
from typing import Protocol

import structlog

from streams import metrics

log = structlog.get_logger(__name__)

TOLD_SECONDS = 5.0
"""An end that the broker has told longer ago may lie behind the true one. It tells the end of a topic that is fetched
a few times a second, and that of a paused one, or while it is away, not at all."""
STALL_SECONDS = 10.0
"""Nobody waits for a topic of which nothing has come for so long: its partition may be away, and rows go on."""


class Flow(Protocol):
    """The group's consumer, as far as a shard steers it."""

    def pause(self, shard: int) -> None: ...
    def resume(self, shard: int, but: frozenset[str] = frozenset()) -> None:
        """Fetch of this shard all topics but these."""

    async def reposition(self, shard: int, offsets: Mapping[str, int]) -> None: ...
    async def commit(self, shard: int, offsets: Mapping[str, int]) -> None:
        """Must not wait for the group's coordinator: every batch calls it."""

    def ends(self, shard: int) -> dict[str, int | None]: ...
    def told(self, shard: int, seconds: float) -> dict[str, int]:
        """The ends of the logs, by topic, that fetches have told in the last so many seconds."""


class Intake:
    """Opens and closes the flow of one shard."""

    def __init__(self, shard: int, flow: Flow, buffer_bytes: int, skew_seconds: float) -> None:
        self._shard = shard
        self._flow = flow
        self._buffer_bytes = buffer_bytes
        self._skew = int(skew_seconds * 1000)
        self.is_paused = False
        """Whether nothing is fetched because the buffer is full."""
        self.ahead: frozenset[str] = frozenset()
        """Topics that wait for the slowest."""

    def open(self) -> None:
        """Fetch everything, as a new owner does."""
        self.is_paused, self.ahead = False, frozenset()
        self._flow.resume(self._shard)

    def stop(self) -> None:
        """Fetch nothing any more."""
        self._flow.pause(self._shard)

    def filled(self, size: int) -> None:
        """The buffer has grown to so many bytes."""
        if not self.is_paused and size > self._buffer_bytes:
            self.is_paused = True
            metrics.PAUSED.inc()
            self._flow.pause(self._shard)

    def drained(self, size: int) -> None:
        """The buffer has shrunk to so many bytes."""
        if self.is_paused and size <= self._buffer_bytes // 2:
            self.is_paused = False
            self._flow.resume(self._shard, self.ahead)

    def idle(self, done: Mapping[str, int], silent: Collection[str]) -> list[str]:
        """Which of these silent topics are idle: everything up to the end that the broker told just now is done.

        `done`: the offset up to which all of a topic is delivered. A topic that is not fetched is not idle.
        """
        if self.is_paused:
            return []
        ends = self._flow.told(self._shard, TOLD_SECONDS)
        return [topic for topic in silent if topic in ends and topic not in self.ahead and done[topic] >= ends[topic]]

    def waiting(self, expected: Mapping[str, int]) -> int:
        """How many records the topics that are fetched have from these offsets on, as the broker told just now."""
        if self.is_paused:
            return 0
        ends = self._flow.told(self._shard, TOLD_SECONDS)
        return sum(max(0, ends.get(topic, 0) - offset) for topic, offset in expected.items() if topic not in self.ahead)

    def align(self, watermark: int, topics: Mapping[str, int], arrived: Mapping[str, float], now: float) -> None:
        """Hold the topics whose own watermark (ms) is too far ahead of the shard's, while the others move.

        `arrived` tells when something of a topic came last, by the clock of `now`, in seconds.
        """
        if self.is_paused:
            return
        ahead = frozenset(topic for topic, own in topics.items() if watermark and own > watermark + self._skew)
        behind = [arrived.get(topic, 0.0) for topic in topics if topic not in ahead]
        if max(behind, default=0.0) < now - STALL_SECONDS:
            ahead = frozenset()
        if ahead != self.ahead:
            if not self.ahead:  # which they are changes all the time in a backlog
                log.info("topics wait for the slowest of their shard", shard=self._shard, topics=sorted(ahead))
            self.ahead = ahead
            self._flow.pause(self._shard)
            self._flow.resume(self._shard, ahead)
