"""What follows when a batch aged, or ClickHouse refused it: wait, count, supersede (R6 to R8, R11)."""

import asyncio
from collections.abc import Mapping

import structlog

from agents.batch import Batch, Offsets
from agents.deliver import Delivery, Outcome
from agents.kill_point import Step, step
from agents.propose import Proposer
from agents.render import DEAD_LETTERS, missing_runs
from agents.rows import body
from streams import metrics
from streams.errors import BlockRefused, ConfigurationError, Reject
from streams.intent import Intent
from streams.topics import raw_table

log = structlog.get_logger(__name__)

Missing = dict[str, Offsets]
"""Per table and topic, offsets."""


class Settler:
    """Carries one record of a shard to its end, whatever happens on the way."""

    def __init__(self, delivery: Delivery, proposer: Proposer) -> None:
        self._delivery = delivery
        self._proposer = proposer
        self._store = delivery.store
        self._shard = delivery.shard

    async def finish(self, intent: Intent, offset: int, batch: Batch, *, second: bool = False) -> Batch:
        """Deliver the valid record and all that supersedes it, until ClickHouse holds every row of the batch.

        Returns the batch as it was delivered: rows that ClickHouse refused have become dead letters.

        Views are completed last, also those that a former owner has left open: then no insert of the batch is on its
        way to them, and what takes longer than the age cannot age a record that is still to be delivered.

        Raises SinkUnavailable, IntentConflict, ConfigurationError, InvariantBroken.
        """
        views_may_lack = second
        while True:
            if second and await self._must_wait(intent, batch):
                outcome = Outcome(aged=True)
            else:
                outcome = await self._delivery.deliver(intent, offset, batch, second=second)
            if outcome.is_done:
                break
            views_may_lack = True
            following = await self._supersede(intent, batch, outcome)
            if following is None:
                await self._store.dead_letters.send(batch.content.dead, intent)
                break
            intent, offset, batch = following
            second = False
        if views_may_lack:
            await self.complete_views()
        return batch

    async def complete_views(self) -> None:
        """Add what the views of superseded batches lack, also of a former owner's. Raises SinkUnavailable."""
        with step(Step.VIEWS):
            await self._store.repairs.run(self._shard)

    async def _must_wait(self, intent: Intent, batch: Batch) -> bool:
        """A second delivery under the record's token is not possible: aged, or another version's rows (R11)."""
        if await self._delivery.is_aged(intent) or batch.judged.unreadable:
            return True
        if intent.version == self._delivery.version:
            return False
        counts = {table: await self._store.witness.count(table, self._shard, intent) for table in intent.rows}
        return any(0 < counts[table] < wanted for table, wanted in intent.rows.items())

    async def _supersede(self, intent: Intent, batch: Batch, outcome: Outcome) -> tuple[Intent, int, Batch] | None:
        """R8: when nothing of the record can arrive any more, propose what is missing; None if nothing is."""
        await self._check_views(intent, outcome.refused)
        metrics.SETTLED.inc()
        log.warning("a batch is left to age and counted", shard=self._shard, seq=intent.seq, chain=intent.chain)
        with step(Step.AGE_OUT):
            await self._wait_out(intent)
        with step(Step.MISSING):
            missing = await self._missing(intent, batch)
        for table, error in outcome.refused.items():
            with step(Step.REFUSED):
                bad = await self._refused(table, intent, batch, missing.get(table, {}), error)
            batch = batch.refuse(bad, Reject.REFUSED, str(error))
            missing = _moved(missing, bad)
        if lost := await self._unreadable(intent, batch):
            batch = batch.refuse(
                lost, Reject.INVALID, f"version {self._delivery.version} cannot read what was accepted"
            )
            missing = _moved(missing, lost)
        with step(Step.LEDGER):
            for table in batch.content.tables:
                await self._store.repairs.enter(self._shard, intent, table)
            await self._store.witness.replica.catch_up()
        if not missing:
            return None
        rest = batch.content.only(missing)
        again = self._proposer.successor(
            ranges=intent.ranges,
            rows=rest.rows,
            days=rest.days,
            rate=intent.rate,
            ingested_at=await self._store.clock.now(),
            watermark=intent.watermark,
            kept=intent.kept,
            verdict=batch.verdict,
            missing=missing_runs(missing),
        )
        metrics.SUPERSEDED.inc()
        log.warning("a batch is superseded", shard=self._shard, seq=intent.seq, by=again.seq, rows=again.rows)
        with step(Step.SUPERSEDE):
            offset = await self._proposer.propose(again)
        return again, offset, batch

    async def _wait_out(self, intent: Intent) -> None:
        """Until the age and the settling time have passed and no query of the record runs on any replica."""
        limits = self._delivery.limits
        until = intent.ingested_at + (limits.age + limits.settle) * 1000
        while True:
            now = await self._store.clock.now()
            self._delivery.pulse.beat()
            if now > until and not await self._store.witness.running(self._delivery.token(intent)):
                return
            await asyncio.sleep(min(5.0, max(0.05, (until - now) / 1000)))

    async def _missing(self, intent: Intent, batch: Batch) -> Missing:
        """Per table the offsets of the record's rows that ClickHouse does not hold."""
        content = batch.content.only(intent.missing) if intent.missing is not None else batch.content
        missing: Missing = {}
        for table, topics in content.offsets().items():
            present = await self._store.witness.present(table, self._shard, intent, batch.content.days.get(table, []))
            for topic, offsets in topics.items():
                if lacking := offsets - present.get(topic, set()):
                    missing.setdefault(table, {})[topic] = lacking
        return missing

    async def _unreadable(self, intent: Intent, batch: Batch) -> Offsets:
        """R11: offsets that the record accepts, this version cannot read, and no table holds."""
        lost: Offsets = {}
        for topic, offsets in batch.judged.unreadable.items():
            table = raw_table(topic)
            present = await self._store.witness.present(table, self._shard, intent, intent.days.get(table, []))
            if lacking := offsets - present.get(topic, set()):
                lost[topic] = lacking
        return lost

    async def _check_views(self, intent: Intent, refused: Mapping[str, BlockRefused]) -> None:
        """R7: a block that its table took was refused by a view, which a person has to mend: ConfigurationError.

        At once: once it is mended within the age, the record's own token completes the views.
        """
        for table, error in refused.items():
            if await self._store.witness.count(table, self._shard, intent):
                raise ConfigurationError(
                    f"a view of {table} refuses rows that the table itself took: {error}. Mend or drop the view and "
                    "restart the worker; the batch is then completed from its intent"
                )

    async def _refused(
        self, table: str, intent: Intent, batch: Batch, missing: Offsets, error: BlockRefused
    ) -> Offsets:
        """R7: the offsets whose rows the table refuses, found on a scratch table without views."""
        bad: Offsets = {}
        if table != DEAD_LETTERS:
            async with self._store.sink.scratch(table) as scratch:
                for topic, offsets in missing.items():
                    if found := await self._bisect(scratch, table, intent, batch, topic, sorted(offsets)):
                        bad[topic] = found
        if not bad:
            raise ConfigurationError(f"ClickHouse refused a batch for {table} of which it takes every row: {error}")
        return bad

    async def _bisect(
        self, scratch: str, table: str, intent: Intent, batch: Batch, topic: str, offsets: list[int]
    ) -> set[int]:
        rows = batch.content.tables[table].only({topic: offsets})
        if not await self._store.sink.refuses(scratch, *body(rows, intent, 0, self._shard)):
            return set()
        if len(offsets) == 1:
            return set(offsets)
        half = len(offsets) // 2
        found = [
            await self._bisect(scratch, table, intent, batch, topic, piece)
            for piece in (offsets[:half], offsets[half:])
        ]
        return found[0] | found[1]


def _moved(missing: Missing, bad: Offsets) -> Missing:
    """What is missing when the rows of `bad` have become dead letters."""
    rest: Missing = {}
    for table, topics in missing.items():
        for topic, offsets in topics.items():
            if left := offsets - bad.get(topic, set()) if table != DEAD_LETTERS else offsets:
                rest.setdefault(table, {})[topic] = left
    for topic, offsets in bad.items():
        letters = rest.setdefault(DEAD_LETTERS, {})
        letters[topic] = letters.get(topic, set()) | offsets
    return rest
