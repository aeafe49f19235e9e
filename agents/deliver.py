"""Deliver the batches of one shard exactly once. The log of intents decides, ClickHouse is the witness.

    1 recover   read the witness, then the log from there to its end; deliver its last batch again   recover.py
    2 fill      gather rows until the batch is full or old enough                                    shard.py
    3 intent    append the record that proposes the batch, and read the chain up to it               propose.py
    4 deliver   one insert per table under the record's token, and the dead letters; all acknowledged
    5 close     an empty intent when the shard is idle, stops, holds or is revoked                   shard.py

Here is step 4, as it goes when ClickHouse answers; what follows when a batch aged or was refused is in settle.py.
The rules R1 to R12 are told in docs/exactly-once.md, each with the interleaving that it closes.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from agents.batch import Batch
from agents.dead_letter import DeadLetterTopic
from agents.kill_point import Step, insert_of, step
from agents.outage import Outages
from agents.pulse import Pulse
from agents.render import DEAD_LETTERS, Content, dead_letter_rows
from agents.rows import body
from clickhouse.chains import ChainRows
from clickhouse.repair import Repairs
from clickhouse.sink import Sink
from clickhouse.witness import Clock, Witness
from streams import metrics
from streams.backoff import Backoff
from streams.errors import BatchAged, BlockRefused, Invariant, InvariantBroken, SinkUnavailable
from streams.intent import Intent

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """The times of the protocol, in seconds."""

    age: float = 300.0
    """An older batch is refused by ClickHouse itself: the constraint `fresh` of every table says the same."""
    settle: float = 30.0
    """How much longer the block of a stalled insert may still be on its way."""
    retry_first: float = 0.2
    retry_longest: float = 10.0

    def backoff(self) -> Backoff:
        """A fresh series of waits."""
        return Backoff(self.retry_first, self.retry_longest)


@dataclass(frozen=True, slots=True)
class Store:
    """ClickHouse and the dead-letter topic, as the protocol uses them."""

    sink: Sink
    witness: Witness
    rows: ChainRows
    clock: Clock
    repairs: Repairs
    dead_letters: DeadLetterTopic


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the inserts of one record ended, if not all rows are certainly there."""

    refused: Mapping[str, BlockRefused] = field(default_factory=dict)
    """What ClickHouse said, by table; none is named if the batch aged."""
    aged: bool = False

    @property
    def is_done(self) -> bool:
        """True if ClickHouse holds every row."""
        return not self.refused and not self.aged


class Delivery:
    """Step 4 for one shard."""

    def __init__(self, shard: int, group: str, version: str, store: Store, limits: Limits, pulse: Pulse) -> None:
        self.shard = shard
        self.version = version
        self.store = store
        self.limits = limits
        self.pulse = pulse
        self.held = False
        """ClickHouse has not taken the last try of an insert."""
        self._group = group
        self._outages = Outages()

    def token(self, intent: Intent) -> str:
        """The insert token of the record."""
        return intent.token(self._group, self.shard)

    async def deliver(self, intent: Intent, offset: int, batch: Batch, *, second: bool) -> Outcome:
        """Insert the rows of the valid record that stands at `offset` of the log.

        `second`: somebody may have delivered it before, in whole or in part. The dead-letter topic and the line of
        a batch without rows are written last, so that the next intent finds everything acknowledged (step 4).
        """
        content = batch.content.only(intent.missing) if intent.missing is not None else batch.content
        with step(Step.DELIVER):
            outcome = await self._insert_all(intent, offset, content, second)
            if outcome.is_done:
                await self.store.dead_letters.send(content.dead, intent)
                if intent.is_empty:
                    await self.testify(intent, offset)
        return outcome

    async def testify(self, intent: Intent, offset: int) -> None:
        """Write the witness's line of a record without rows. Raises SinkUnavailable."""
        with step(Step.LINE):
            await self.store.witness.write_line(self.shard, intent, offset)

    async def is_aged(self, intent: Intent) -> bool:
        """True if ClickHouse would refuse the record's rows by now."""
        return await self.store.clock.now() > intent.ingested_at + self.limits.age * 1000

    async def _insert_all(self, intent: Intent, offset: int, content: Content, second: bool) -> Outcome:
        tables = sorted(content.rows)
        results = await asyncio.gather(
            *(self._insert(table, intent, offset, content, second) for table in tables), return_exceptions=True
        )
        refused: dict[str, BlockRefused] = {}
        aged = False
        for table, result in zip(tables, results, strict=True):
            if isinstance(result, BatchAged) or result is False:
                aged = True
            elif isinstance(result, BlockRefused):
                refused[table] = result
            elif isinstance(result, BaseException):
                raise result
        # Age comes first: an aged block is refused before anything else about it is looked at (R7).
        return Outcome(aged=True) if aged else Outcome(refused)

    async def _insert(self, table: str, intent: Intent, offset: int, content: Content, second: bool) -> bool:
        """Insert one table's rows; True if ClickHouse certainly holds them, False if only time can tell."""
        wanted = content.rows[table]
        unknown = second
        backoff = self.limits.backoff()
        while True:
            try:
                with step(insert_of(table)), metrics.INSERT_SECONDS.labels(table).time():
                    written = await self._write(table, intent, offset, content)
                self.held = False
                self._outages.over("insert taken", table, shard=self.shard, table=table, seq=intent.seq)
                if not unknown and written >= wanted:
                    return True
                with step(Step.COUNT):
                    return await self._holds(table, intent, wanted)
            except SinkUnavailable as error:
                unknown = self.held = True
                self.pulse.beat()
                metrics.HELD.labels("clickhouse").inc()
                held = {"shard": self.shard, "table": table, "seq": intent.seq, "error": str(error)}
                self._outages.met("insert held", table, **held)
                await backoff.wait()
                if await self.is_aged(intent):
                    return False

    async def _write(self, table: str, intent: Intent, offset: int, content: Content) -> int:
        if table == DEAD_LETTERS:
            rows = dead_letter_rows(content.dead, intent, offset, self.shard)
            return await self.store.sink.insert_dead_letters(rows, self.token(intent))
        # Arrow's copying and compressing give up the interpreter's lock.
        columns, block = await asyncio.to_thread(body, content.tables[table], intent, offset, self.shard)
        return await self.store.sink.insert_rows(table, columns, block, self.token(intent))

    async def _holds(self, table: str, intent: Intent, wanted: int) -> bool:
        """R6: after a second delivery or an unknown outcome, count the rows against the record."""
        found = await self.store.witness.count(table, self.shard, intent)
        if found > wanted:
            raise InvariantBroken(
                f"shard {self.shard}: {table} holds {found} rows of record {intent.seq}, which says {wanted}",
                Invariant.ROWS_ABOVE_INTENT,
            )
        return found == wanted
