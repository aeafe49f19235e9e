"""The windows of one shard over its life: rebuilt on assignment, fed by batches, moved by the watermark, published."""

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from agents.judge import Accepted
from clickhouse.partials import Partials
from clickhouse.realtime import RealtimeTable, WindowRow
from streams import metrics
from streams.intent import Intent, Ranges
from tables import rebuild
from tables.closing import Closed, Closing, flat
from tables.columns import Spotter
from tables.panes import Panes, Table, Touched
from tables.publish import Publisher
from tables.watermark import Watermark
from tables.window import Declared
from tables.wire import Key, Status, decode_key, encode_key, encode_states

KEPT_AT_ONCE = 5_000
"""Rows of one insert of closed windows, about."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Realtime:
    """What the windows of a worker's shards share."""

    declared: Declared
    table: Table
    spot: Spotter
    partials: Partials
    kept: RealtimeTable
    redis: Redis | None
    """None: nothing is published."""
    group: str
    topics: frozenset[str]
    disorder: int
    """Milliseconds that events of one topic may come out of order before the watermark passes them."""

    def of(self, shard: int) -> "ShardWindows":
        """The windows of one shard, empty."""
        return ShardWindows(shard, self)


class ShardWindows:
    """The windows of one shard."""

    def __init__(self, shard: int, around: Realtime) -> None:
        self._around = around
        self.panes = Panes(shard, around.declared, around.table)
        self.watermark = Watermark(around.topics, around.disorder)
        self._closing = Closing(self.panes)
        self._changed: Touched = {}
        self._gone: list[tuple[str, int]] = []
        self._publisher: Publisher | None = None
        self._away = False

    async def recover(self, last: Intent) -> None:
        """Count the open panes again from the rows below the last batch (R12). Raises SinkUnavailable."""
        around, began = self._around, time.monotonic()
        self.clear()
        self.watermark = Watermark(around.topics, around.disorder, last.watermark)
        below = _below(last.ranges)
        newest: dict[str, int] = {}
        for slices in around.declared.slices.values():
            table = slices.over.domain.raw_table
            if last.watermark == 0 and table not in newest:
                newest[table] = await around.partials.newest(table, self.panes.shard)
            at = last.watermark // 1000 or newest[table]
            bounds = rebuild.Bounds(self.panes.shard, last.chain, below, max(0, at - slices.keep - slices.pane))
            rows = await around.partials.rows(rebuild.statement(slices), bounds.parameters())
            for start, key, states, revision in rebuild.read(slices, rows):
                self.panes.put(slices, start, key, states, revision)
        self.panes.expire(last.watermark)
        if around.redis is not None:
            self._publisher = Publisher(around.redis, around.group, self.panes)
        seconds = time.monotonic() - began
        metrics.WINDOWS_REBUILD_SECONDS.observe(seconds)
        log.info("windows rebuilt", shard=self.panes.shard, lines=len(self.panes), seconds=round(seconds, 3))

    def take(self, accepted: Iterable[Accepted], record: Intent, seq: int, now: int) -> None:
        """Count what a delivered batch accepted: `record` proposed it, the record `seq` completed it."""
        events = []
        for part in accepted:
            events += part.events
            if part.events:
                newest = max(event.time for event in part.events).timestamp()
                self.watermark.seen(part.topic, int(newest * 1000), now)
        before = self.panes.late.total()
        self.panes.apply(events, self._around.spot, seq=seq, watermark=record.watermark, rate=record.rate)
        metrics.WINDOWS_LATE.inc(self.panes.late.total() - before)

    def advance(self, idle: Collection[str], now: int) -> None:
        """Move the watermark, and drop what no window needs any more. `now`: milliseconds since 1970."""
        metrics.WATERMARK.labels(self.panes.shard).set(self.watermark.advance(idle, now) / 1000)
        self._gather()
        if not self._closing.due(self.watermark.value):  # what is not written yet is not dropped
            self.panes.expire(self.watermark.value)
            self._gather()
        metrics.WINDOWS_LINES.labels(self.panes.shard).set(len(self.panes))

    async def publish(self, seq: int, status: Callable[[], Status]) -> None:
        """Send the numbers to Redis. A Redis that is away is told once, counted, and holds nothing up."""
        changed, self._changed = self._changed, {}
        gone, self._gone = self._gone, []
        if self._publisher is None:
            return
        try:
            told = await self._publisher.publish(seq, status(), changed, gone)
        except (RedisError, OSError) as error:
            metrics.PUBLISH_FAILURES.inc()
            if not self._away:
                log.warning("live numbers are not published", shard=self.panes.shard, why=repr(error))
            self._away = True
            return
        if self._away:
            log.info("live numbers are published again", shard=self.panes.shard)
        self._away = False
        if not told:
            log.info("live numbers of a later owner are left alone", shard=self.panes.shard, seq=seq)

    def _gather(self) -> None:
        changed, gone = self.panes.take_changes()
        self._closing.note(changed)
        self._gone += gone
        for place, keys in changed.items():
            self._changed.setdefault(place, set()).update(keys)

    async def keep(self) -> None:
        """Write the windows that have closed, and the corrections of closed ones. Raises SinkUnavailable.

        A window that could not be written is written later; after a crash all that are still in memory are.
        """
        places = self._closing.due(self.watermark.value)
        while places:
            chosen: dict[tuple[str, int], set[Key]] = {}
            rows: list[WindowRow] = []
            while places and len(rows) < KEPT_AT_ONCE:
                place = places.pop()
                rows += [self._row(closed) for closed in self._closing.read(place)]
                chosen[place] = self._closing.take(place)
            try:
                if rows:
                    await self._around.kept.write(rows)
                    metrics.WINDOWS_KEPT.inc(len(rows))
            except BaseException:
                for place, keys in chosen.items():
                    self._closing.again(place, keys)
                raise

    def _row(self, closed: Closed) -> WindowRow:
        window = closed.window
        slices = self._around.declared.slices[window.over.name]
        return WindowRow(
            domain=window.over.domain.name,
            window=window.name,
            starts_at=closed.start,
            ends_at=closed.start + window.size,
            key=list(decode_key(encode_key(closed.key))),
            shard=self.panes.shard,
            revision=closed.revision,
            values=flat(slices, closed.states, window.size),
            states=encode_states(slices, closed.states).decode(),
            watermark=self.watermark.value / 1000,
        )

    def clear(self) -> None:
        """Let go of everything in memory; what is in Redis stays until the next owner sets it."""
        self._publisher = None
        self.panes.clear()
        self.panes.take_changes()
        self._changed, self._gone = {}, []
        self._closing = Closing(self.panes)


def _below(ranges: Ranges) -> dict[str, int]:
    return {topic: start for topic, (start, _) in ranges.items()}
