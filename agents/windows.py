"""The windows of one shard over its life: rebuilt on assignment, fed by batches, moved by the watermark, published."""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from agents.judge import Accepted
from agents.keep import Keeper
from agents.kill_point import Step, step
from agents.recount import Recount
from clickhouse.partials import Partials
from clickhouse.realtime import RealtimeTable
from streams import metrics
from streams.intent import Intent
from tables.columns import Spotter
from tables.panes import Panes, Table, Touched
from tables.publish import Publisher
from tables.sessions import Sessions
from tables.watermark import Watermark
from tables.window import Declared
from tables.wire import Status

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
    further: Sequence[tuple[Partials, RealtimeTable]] = ()
    """The same of the second ClickHouse shard and those after it."""

    def of(self, shard: int) -> "ShardWindows":
        """The windows of one shard, empty; they read and write where its rows are."""
        stores = [(self.partials, self.kept), *self.further]
        partials, kept = stores[shard % len(stores)]
        return ShardWindows(shard, replace(self, partials=partials, kept=kept))


class ShardWindows:
    """The windows of one shard."""

    def __init__(self, shard: int, around: Realtime) -> None:
        self._around = around
        self.panes = Panes(shard, around.declared, around.table)
        self._away = self._refused = False
        self._keeper = Keeper(self.panes, (), around.kept)
        self._begin(0)

    def _begin(self, watermark: int) -> None:
        """Begin with nothing."""
        around = self._around
        self.watermark = Watermark(around.topics, around.disorder, watermark)
        self.sessions = [Sessions(session, self.panes) for session in around.declared.sessions.values()]
        self._keeper.stop()
        self._keeper = Keeper(self.panes, self.sessions, around.kept)
        self._counted = watermark
        self._changed: Touched = {}
        self._gone: list[tuple[str, int]] = []
        self._publisher: Publisher | None = None

    async def recover(self, last: Intent, now: int) -> None:
        """Count what is open again from the rows below the last batch (R12). Raises SinkUnavailable.

        A watermark that is ahead of `now` (ms since 1970) is not taken over: the clock was wrong when it moved, and
        until that time has come everything would be late.
        """
        around, began = self._around, time.monotonic()
        self.clear()
        self._begin(min(last.watermark, now))
        recount = Recount(last, self.watermark.value, self.panes, around.partials)
        for slices in around.declared.slices.values():
            if slices.session is None:
                await recount.windows(slices)
        for sessions in self.sessions:
            await recount.sessions(sessions, around.declared.slices[sessions.session.name])
        if around.redis is not None:
            self._publisher = Publisher(around.redis, around.group, self.panes)
        seconds = time.monotonic() - began
        metrics.WINDOWS_REBUILD_SECONDS.observe(seconds)
        counts = {"lines": len(self.panes), "sessions": sum(map(len, self.sessions))}
        log.info("windows rebuilt", shard=self.panes.shard, **counts, seconds=round(seconds, 3))

    def take(self, accepted: Iterable[Accepted], record: Intent, seq: int, now: int) -> None:
        """Count what a batch accepted: `record` proposed it, the record `seq` completes it."""
        batch = []
        for part in accepted:
            kinds = [kind.columns for kind in part.kinds(self._around.spot)]
            batch += kinds
            if kinds:
                self.watermark.seen(part.topic, max(int(columns.stamps.max()) for columns in kinds), now)
        before = self.panes.late.total()
        self.panes.apply(batch, seq=seq, watermark=record.watermark, rate=record.rate)
        for sessions in self.sessions:
            sessions.apply(batch, seq=seq, watermark=record.watermark, now=record.ingested_at)
        self._counted = record.watermark
        metrics.WINDOWS_LATE.inc(self.panes.late.total() - before)

    def advance(self, idle: Collection[str], now: int, *, settled: bool) -> None:
        """Move the watermark, and drop what no window needs any more. `now`: milliseconds since 1970.

        `settled`: no batch is on its way that took an earlier watermark.
        """
        shard, watermark = self.panes.shard, self.watermark.advance(idle, now)
        metrics.WATERMARK.labels(shard).set(watermark / 1000)
        # A batch on its way may still change what ours has passed.
        over = watermark if settled else self._counted
        for sessions in self.sessions:
            sessions.end(watermark)
            sessions.expire(over)
        self._gather()
        self.panes.expire(self._keeper.closing.written_to(over))
        self._gather()
        metrics.WINDOWS_LINES.labels(shard).set(len(self.panes))
        active = sum(sessions.active for sessions in self.sessions)
        metrics.SESSIONS.labels(shard, "active").set(active)
        metrics.SESSIONS.labels(shard, "ended").set(sum(map(len, self.sessions)) - active)

    @property
    def kept(self) -> int:
        """The time (ms) below which everything that is over by the watermark is kept in ClickHouse."""
        self._gather()
        return self._keeper.written_to(self.watermark.value)

    async def publish(self, seq: int, status: Callable[[], Status]) -> None:
        """Send the numbers to Redis. A Redis that is away is told once, counted, and holds nothing up."""
        changed, self._changed = self._changed, {}
        gone, self._gone = self._gone, []
        if self._publisher is None:
            return
        try:
            with step(Step.PUBLISH):
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
        if not told and not self._refused:
            log.info("live numbers of a later owner are left alone", shard=self.panes.shard, seq=seq)
        self._refused = not told

    def _gather(self) -> None:
        changed, gone = self.panes.take_changes()
        self._keeper.closing.note(changed)
        self._gone += gone
        for place, keys in changed.items():
            self._changed.setdefault(place, set()).update(keys)

    async def keep(self, settled: int) -> None:
        """Write the windows that have closed, and the corrections of closed ones. Raises SinkUnavailable.

        What a record above `settled` changed waits for its rows. A window that could not be written is written later;
        after a crash all that are still in memory are.
        """
        await self._keeper.keep(self.watermark.value, settled)
        metrics.WINDOWS_KEPT_TO.labels(self.panes.shard).set(self.kept / 1000)

    def leave(self) -> None:
        """Let go of everything, and tell nothing of the shard any more: another worker does."""
        self.clear()
        shard = str(self.panes.shard)
        for gauge in (metrics.WATERMARK, metrics.WINDOWS_LINES, metrics.WINDOWS_KEPT_TO):
            gauge.remove_by_labels({"shard": shard})
        metrics.SESSIONS.remove_by_labels({"shard": shard})

    def clear(self) -> None:
        """Let go of everything in memory; what is in Redis stays until the next owner sets it."""
        for sessions in self.sessions:
            sessions.clear()
        self.panes.clear()
        self.panes.take_changes()
        self._begin(self.watermark.value)
