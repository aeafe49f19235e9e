"""One shard: partition n of every source topic, from the first recovery to the empty intent that closes it."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum

import structlog

from agents import account
from agents.batch import Batch
from agents.beside import beside
from agents.buffer import Buffer
from agents.decode import decode, misplaced
from agents.deliver import Delivery
from agents.flow import Intake
from agents.judge import follow
from agents.kill_point import Step, step
from agents.make import Made, Maker
from agents.outage import Outages
from agents.propose import Proposer
from agents.pulse import Pulse
from agents.recover import check_starts, read_chain
from agents.remember import remember
from agents.settle import Settler
from agents.share import DeadShare
from agents.surroundings import Surroundings
from streams import metrics
from streams.backoff import Backoff, was_asked_to_end
from streams.batch import Chunk
from streams.errors import IntentConflict, InvariantBroken, MillraceError, SinkUnavailable
from streams.intent import Intent

log = structlog.get_logger(__name__)

LOOK_SECONDS = 30.0
"""A shard that waits for a time looks at the clock so often, and so is known to be alive."""
HEAD_START = 0.1
"""So many seconds the inserts of a batch have for themselves, to be sent, before the shard works on beside them."""
AHEAD_SECONDS = 0.05
"""While a batch is on its way it is looked so often whether the next one is full."""
DOUBTFUL = 5
"""After so many seeks back to one offset in vain it is looked at whether the topic still has it."""


class State(StrEnum):
    """What a shard is doing."""

    HELD = "held"
    """Not whole: another worker has some of its partitions (R1), or maintenance holds it (R10)."""
    RECOVERING = "recovering"
    RUNNING = "running"
    CLOSED = "closed"
    """Idle, and nothing of it would be delivered again."""
    WAITING = "waiting"
    """A part is away; it is tried again."""
    STOPPED = "stopped"
    """A person has to look; the log says why."""


class Shard:
    """Owns the chain of one shard while this worker has its partitions."""

    def __init__(self, number: int, around: Surroundings) -> None:
        self.number = number
        self.state = State.HELD
        self.problem = ""
        self.buffer = Buffer()
        self._around = around
        self._intents = around.intent_log(number)
        self._source = around.source(number)
        self.pulse = Pulse()
        limits = around.limits
        self.proposer = Proposer(
            number, around.version, self._intents, self.pulse, limits.retry_first, limits.retry_longest
        )
        self._store = around.stores[number % len(around.stores)]
        self._delivery = delivery = Delivery(number, around.group, around.version, self._store, limits, self.pulse)
        self._settler = Settler(delivery, self.proposer)
        self._make = Maker(around.memory, around.policy, around.render)
        self._ahead: Made | None = None
        """The next batch, made while the one before is on its way."""
        self.windows = around.realtime.of(number)
        self.freshness: float | None = None
        """Seconds from record to queryable row, p95 of the newest batch."""
        self.rows: Counter[str] = Counter()
        """Rows delivered since this owner began, by domain."""
        self.dead: Counter[str] = Counter()
        """Dead letters since this owner began, by reason."""
        self._in_flight: set[str] = set()
        """Topics of the batch that is being delivered."""
        self._judged_by: int | None = None
        """The watermark in that batch's record, until the windows have counted it."""
        self.settled = 0
        """Seq of the newest record whose rows are all in ClickHouse."""
        self.is_recovered = False
        """Whether the windows hold what the chain says."""
        self._arrived: dict[str, float] = {}
        self._wake = asyncio.Event()
        self._leaving = False
        self._accepting = False
        self._intake = Intake(number, around.flow, around.sizes.buffer_bytes, around.sizes.skew_seconds)
        self._first_at = self._not_before = 0.0
        self._moved_at = time.monotonic()
        self._audited: dict[str, int] = {}
        self._sought: dict[str, tuple[int, int]] = {}
        """By topic the offset that was sought back last, and how often."""
        self._doubts = False
        """Whether records that are still to be taken may be gone."""
        self._new_topics: dict[str, int] = {}
        self._dead_share = DeadShare(number, around.sizes.dead_share, around.sizes.dead_records)
        self._task: asyncio.Task[None] | None = None
        self._outages = Outages()

    # Life

    def start(self) -> None:
        """Begin to own the shard."""
        self._leaving = False
        self._task = asyncio.create_task(self._run(), name=f"shard-{self.number}")

    async def leave(self, seconds: float) -> None:
        """Finish what is in flight, close the chain, and let go; cut off after `seconds`, which is safe."""
        self._leaving = True
        self._wake.set()
        task, self._task = self._task, None
        if task is not None:
            _, pending = await asyncio.wait([task], timeout=seconds)
            if pending:
                log.warning("shard let go before it was closed", shard=self.number, seconds=seconds)
                task.cancel()
                await asyncio.wait([task])
        self._accepting = self.is_recovered = False
        self._enter(State.HELD)
        self.windows.leave()
        await self._intents.close()

    async def _run(self) -> None:
        limits = self._around.limits
        backoff = limits.backoff()
        while not self._leaving:
            try:
                await self._recover()
                backoff = limits.backoff()
                await self._stream()
            except IntentConflict as conflict:
                log.info("shard let go to another owner and recovered", shard=self.number, why=str(conflict))
                metrics.VOID_INTENTS.inc()
            except SinkUnavailable as error:
                await self._hold(error, backoff)
            except asyncio.CancelledError as error:
                if was_asked_to_end():
                    raise
                await self._hold(SinkUnavailable(f"a part gave up in the middle: {error!r}"), backoff)
            except MillraceError as error:
                self._stop(error)
                return
            except Exception as error:  # a bug: this shard stops with its story, the others go on
                log.exception("shard stopped by an unexpected error", shard=self.number)
                self._stop(error)
                return
            finally:
                self._accepting = self.is_recovered = False
                self._let_go()
                self._ahead = None
                self.buffer.reset({})

    async def _hold(self, error: SinkUnavailable, backoff: Backoff) -> None:
        self._enter(State.WAITING)
        metrics.HELD.labels("shard").inc()
        self._outages.met("shard waits", "shard", shard=self.number, why=str(error))
        await backoff.wait()

    def _stop(self, error: Exception) -> None:
        if isinstance(error, InvariantBroken) and error.invariant is not None:
            metrics.INVARIANTS.labels(error.invariant).inc()
        self.problem = f"{type(error).__name__}: {error}"
        self._enter(State.STOPPED)
        self._intake.stop()
        log.error("shard stopped", shard=self.number, why=self.problem)

    def _enter(self, state: State) -> None:
        # Of an outage that goes on, each try to recover would else be told.
        trying = state in (State.RECOVERING, State.WAITING) and self._outages.lasts("shard")
        if state is not self.state and not trying:
            log.info("shard state", shard=self.number, state=str(state))
        self.state = state
        self.pulse.beat()

    @property
    def is_waiting(self) -> bool:
        """Whether the shard waits for a part that is away."""
        return self.state is State.WAITING or self._delivery.held

    @property
    def watermark(self) -> int:
        """What is told to others, in milliseconds since 1970: a batch on its way may be judged by an earlier one."""
        own = self.windows.watermark.value
        return own if self._judged_by is None else min(own, self._judged_by)

    # 1 recover

    async def _recover(self) -> None:
        self._enter(State.RECOVERING)
        metrics.RECOVERIES.inc()
        around = self._around
        with step(Step.OPEN):
            await self._intents.open()
        chain = await read_chain(self.number, self._intents, self._source, self._store, around.beginning, around.topics)
        self.proposer.chain = chain
        with step(Step.BOUNDS):
            bounds = await self._source.bounds()
        check_starts(self.number, chain, bounds)
        last = self.proposer.last
        seen = around.memory.events // around.sizes.partitions
        with step(Step.MEMORY):
            await self._store.witness.replica.catch_up()
            await remember(self.number, last.starts, around.memory, self._store, around.memory_seconds, seen)
        with step(Step.WINDOWS):
            await self.windows.recover(last, await self._store.clock.now())
        if last.is_empty:
            await self._settler.complete_views()
            await self._delivery.testify(last, chain.offset)
        else:
            await self._deliver_again(last, chain.offset)
        self._new_topics = {topic: bounds[topic][0] for topic in around.topics - last.ranges.keys()}
        self.buffer.reset(self._new_topics | self.proposer.last.ends)
        self._outages.over("shard waits no longer", "shard", shard=self.number)
        log.info("shard recovered", shard=self.number, seq=self.proposer.last.seq, ends=self.buffer.expected)
        self._arrived = dict.fromkeys(around.topics, time.monotonic())
        self.settled = self.proposer.last.seq
        self._accepting = self.is_recovered = True
        self._intake.open()
        with step(Step.SEEK):
            await around.flow.reposition(self.number, self.buffer.expected)

    async def _deliver_again(self, last: Intent, offset: int) -> None:
        """R11: the record decides what its rows are."""
        around = self._around
        with step(Step.AGAIN_READ):
            chunks = await self._source.read(last.ranges)
        decoded = {topic: [decode(chunk, around.sizes.event_bytes)] for topic, chunk in chunks.items()}
        judged = follow(decoded, last, around.policy)
        batch = Batch.of(last.ranges, decoded, judged, around.render, last.rate, last.ingested_at)
        with step(Step.AGAIN):
            batch = await self._settler.finish(last, offset, batch, second=True)
        self._count(batch, last)
        if last.seq != self.settled:  # else this owner has told it before it began anew
            self._tell(batch)
        for part in batch.judged.accepted:
            around.memory.enter(part.topic, self.number, part.offsets, part.events, last.ingested_at / 1000)
        metrics.BATCHES.labels("second").inc()

    # 2 fill

    def offer(self, chunk: Chunk) -> None:
        """Take a chunk from the group's consumer; what does not fit is dropped here and fetched again (R2, R3)."""
        if not self._accepting:
            return
        if self.buffer.is_gap(chunk):
            self._seek_back(chunk.topic, "gap")
            return
        fitting = self.buffer.fit(chunk)
        if fitting is None:
            return
        self._arrived[chunk.topic] = now = time.monotonic()
        if not self.buffer.chunks:
            self._first_at = now
        sizes = self._around.sizes
        with metrics.timed("decode"):
            decoded = decode(fitting, sizes.event_bytes)
        misplaced(decoded, sizes.partitions)
        self.buffer.add(decoded)
        self._intake.filled(self.gathered)
        self._wake.set()

    def audit(self, positions: Mapping[str, int | None]) -> None:
        """R3, once a second: a fetch position that has left what the shard holds is put back."""
        if not self._accepting:
            return
        self._align()
        for topic, expected in self.buffer.expected.items():
            position = positions.get(topic)
            stuck = self._audited.get(topic) == expected
            if position is not None and position != expected and stuck:
                self._seek_back(topic, "audit")
            self._audited[topic] = expected

    def _align(self) -> None:
        mark = self.windows.watermark
        self._intake.align(mark.value, mark.topics, self._arrived, time.monotonic())

    def _seek_back(self, topic: str, cause: str) -> None:
        metrics.SOUGHT_BACK.labels(cause).inc()
        offset = self.buffer.expected[topic]
        last, times = self._sought.get(topic, (offset, 0))
        self._sought[topic] = (offset, times + 1 if last == offset else 1)
        if self._sought[topic][1] % DOUBTFUL == 0:
            self._doubts = True
            self._wake.set()
        task = asyncio.ensure_future(self._around.flow.reposition(self.number, {topic: offset}))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _due(self) -> bool:
        """Wait until a batch is due (True), or the shard leaves or has been idle for long (False)."""
        around, sizes = self._around, self._around.sizes
        while not self._leaving:
            self._wake.clear()
            if self._doubts:
                # R2: a topic that was cut or created anew under a running shard has nothing where the shard goes on.
                self._doubts = False
                check_starts(self.number, self.proposer.chain, await self._source.bounds())
            now = time.monotonic()
            if self._ahead is not None or self.buffer.chunks:
                is_made = self._ahead is not None
                due = 0.0 if is_made else around.pace.due(self.buffer, self._intake, self._first_at, now)
                due = max(due, self._not_before)
                if now >= due:
                    return True
                self.pulse.beat()
            else:
                repeat = sizes.repeat_seconds if self.proposer.last.is_empty else sizes.idle_seconds
                due = self._moved_at + repeat
                if now >= due:
                    return False
            # Not wait_for: in Python 3.11 it can swallow the cancellation of a shard that is cut off.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(due - now, LOOK_SECONDS)):
                    await self._wake.wait()
        return False

    # 3 to 5

    async def _stream(self) -> None:
        self._enter(State.RUNNING)
        while True:
            with step(Step.FILL):
                is_due = await self._due()
            if is_due:
                self._enter(State.RUNNING)
                await self._send()
            elif self._leaving and self.proposer.last.is_empty and self._around.gate.reason is None:
                return
            else:
                await self._close()
                if self._leaving:
                    return

    async def _now(self) -> int:
        """What a batch that is made now is ingested at."""
        with step(Step.CLOCK):
            return await self._store.clock.now()

    @property
    def _starts(self) -> dict[str, int]:
        """Where the next batch begins, by topic."""
        return self._new_topics | self.proposer.last.ends

    def _taken(self, now: int) -> Made:
        """The oldest chunks as a batch that is ingested `now` (ms)."""
        pace, self._first_at = self._around.pace, time.monotonic()
        chunks = self.buffer.take(pace.rows, pace.size)
        return self._make(chunks, self._starts, now)

    async def _next(self) -> Made:
        """The batch whose turn it is: made ahead, or made now."""
        now = await self._now()
        ahead, self._ahead = self._ahead, None
        if ahead is None:
            return self._taken(now)
        return ahead if ahead.is_young(now) else self._make(ahead.chunks, self._starts, now)

    async def _send(self) -> None:
        around = self._around
        around.gate.check()
        made = await self._next()
        self._in_flight, batch = made.topics, made.batch
        intent = self.proposer.successor(
            ranges=batch.ranges,
            rows=batch.content.rows,
            days=batch.content.days,
            rate=around.policy.sample_rate,
            ingested_at=made.ingested_at,
            watermark=self.windows.watermark.value,
            kept=self.windows.kept,
            verdict=batch.verdict,
        )
        self._judged_by = intent.watermark
        with metrics.timed("intent"):
            offset = await self.proposer.propose(intent)
        made.draft.enter(made.ingested_at / 1000)
        # The valid record decides what is accepted, so the numbers need not wait for the rows (R12).
        with metrics.timed("windows"):
            self._count(batch, intent)
        delivered = await self._deliver(batch, intent, offset)
        if delivered is not batch:
            await self._count_again(delivered, intent)
        self._let_go()
        await self._delivered(delivered)

    async def _deliver(self, batch: Batch, intent: Intent, offset: int) -> Batch:
        """Step 4; while ClickHouse works the next batch is made, if all of it is here."""
        async with beside(self._settler.finish(intent, offset, batch), f"deliver-{self.number}") as delivering:
            pause = HEAD_START
            while True:
                with metrics.timed("deliver"):
                    await asyncio.wait([delivering], timeout=pause)
                if delivering.done():
                    return delivering.result()
                await self._look_ahead()
                pause = AHEAD_SECONDS

    async def _look_ahead(self) -> None:
        is_wanted = self._ahead is None and not self._leaving and not self._delivery.held
        if is_wanted and self._around.pace.is_full(self.buffer):
            self._ahead = self._taken(await self._now())

    @property
    def gathered(self) -> int:
        """Source bytes of what is still to be proposed."""
        return self.buffer.size + (self._ahead.size if self._ahead is not None else 0)

    async def _count_again(self, batch: Batch, record: Intent) -> None:
        """ClickHouse refused rows that the windows have counted: they begin anew, as after a restart."""
        self.is_recovered = False
        with step(Step.RECOUNT):
            await self.windows.recover(self.proposer.last, await self._store.clock.now())
        self._count(batch, record)
        self.is_recovered = True

    def _let_go(self) -> None:
        """No batch is on its way."""
        self._in_flight, self._judged_by = set(), None

    async def _delivered(self, batch: Batch) -> None:
        around = self._around
        self._moved_at = time.monotonic()
        self.pulse.beat()
        self.settled = self.proposer.last.seq
        # R8: tokens are forgotten after a number of parts, so a batch over many days makes the next one wait.
        parts = max(map(len, batch.content.days.values()), default=0)
        self._not_before = self._moved_at + parts * around.sizes.seconds_a_part
        self.freshness = account.delivered(batch)
        self._tell(batch)
        self._intake.drained(self.gathered)
        self._align()
        with step(Step.COMMIT):
            await around.flow.commit(self.number, self.proposer.last.ends)
        self._dead_share.check(batch.judged.records, len(batch.content.dead))

    def _tell(self, batch: Batch) -> None:
        """Tell metrics and pages what became of the records of a batch that ClickHouse holds."""
        account.taken(batch)
        for part in batch.judged.accepted:
            self.rows[part.topic.partition(".")[0]] += len(part.events)
        self.dead.update(str(letter.reason) for letter in batch.content.dead)

    def _count(self, batch: Batch, record: Intent) -> None:
        """Let the windows take the whole accepted set of the range, once (R12)."""
        self.windows.take(batch.judged.accepted, record, self.proposer.last.seq, record.ingested_at)
        self._judged_by = None
        self._around.counted.set()

    def idle_topics(self) -> list[str]:
        """Topics of which everything is delivered and nothing comes; none while the shard is paused or recovers."""
        if not self._accepting:
            return []
        held = {decoded.chunk.topic for decoded in self.buffer.chunks} | self._in_flight
        held |= self._ahead.topics if self._ahead is not None else set()
        done = {topic: offset for topic, offset in self.buffer.expected.items() if topic not in held}
        silent = time.monotonic() - self._around.sizes.idle_topic_seconds
        return self._intake.idle(done, [topic for topic in done if self._arrived.get(topic, 0.0) < silent])

    @property
    def is_settled(self) -> bool:
        """Whether all is counted: the next record takes the watermark of its own time."""
        return self._judged_by is None

    async def _close(self) -> None:
        """5 close: an empty intent, so that nothing is left to deliver again; a closed shard repeats it daily (R5)."""
        with step(Step.CLOSE):
            intent = self.proposer.closing(self.windows.watermark.value, self.windows.kept)
            offset = await self.proposer.propose(intent)
            await self._delivery.testify(intent, offset)
        self.settled = intent.seq
        self._moved_at = time.monotonic()
        self._enter(State.CLOSED)
