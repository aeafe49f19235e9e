"""What became of the events: rows and dead letters from ClickHouse, what became nothing from the log of intents."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Self

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.consumer import stop
from agents.judge import DUPLICATE, LOST, SAMPLED_OUT, SUPPRESSED
from clickhouse.columns import FAMILIES, RAW
from deploy.local.clickhouse_part import ask
from streams.batch import Runs, count_runs, from_runs, to_runs
from streams.intent import Chain, Intent
from streams.settings import Settings

QUERY_SECONDS = 30.0
DROPPED = (DUPLICATE, SAMPLED_OUT, SUPPRESSED, LOST)
"""The words of a verdict on offsets that become neither a row nor a dead letter."""


@dataclass
class Totals:
    """Counts of events. The rows of raw tables, the dead letters and what was dropped add up to what was taken."""

    rows: Counter[str] = field(default_factory=Counter)
    """By table."""
    dead_letters: Counter[str] = field(default_factory=Counter)
    """By reason."""
    dropped: Counter[str] = field(default_factory=Counter)
    """By word of `DROPPED`."""

    @property
    def accounted(self) -> int:
        """Events whose end is known and, where it is a row or a dead letter, queryable."""
        raw = sum(self.rows[table.name] for table in RAW)
        return raw + self.dead_letters.total() + self.dropped.total()

    def __sub__(self, earlier: Self) -> "Totals":
        """What was added since."""
        rows, letters = Counter(self.rows), Counter(self.dead_letters)
        rows.subtract(earlier.rows)
        letters.subtract(earlier.dead_letters)
        return Totals(rows, +letters, self.dropped - earlier.dropped)

    def as_json(self, sent: int, freshness: float | None, others: int | None) -> str:
        """The last line of `millrace up --json`; `others`: events counted here that the run did not send, if known."""
        return json.dumps(
            {
                "sent": sent,
                "rows": dict(self.rows),
                "dead_letters": dict(self.dead_letters),
                "duplicates": self.dropped[DUPLICATE],
                "sampled_out": self.dropped[SAMPLED_OUT],
                "suppressed": self.dropped[SUPPRESSED],
                "lost": self.dropped[LOST],
                "others": others,
                "freshness_p95_seconds": None if freshness is None else round(freshness, 3),
            }
        )


def stored(settings: Settings) -> Totals:
    """Rows by table and dead letters by reason, as ClickHouse has them now. Raises OSError."""
    assert settings.clickhouse_url is not None
    database = settings.clickhouse_database
    tables = [table.name for table in (*RAW, *FAMILIES)]
    parts = [f"SELECT 'rows', '{table}', count() FROM `{database}`.`{table}`" for table in tables]
    parts.append(f"SELECT 'dead_letters', reason, count() FROM `{database}`.dead_letters GROUP BY reason")
    answer = ask(settings.clickhouse_url, " UNION ALL ".join(parts) + " FORMAT JSONCompactEachRow", QUERY_SECONDS)
    totals = Totals(Counter(dict.fromkeys(tables, 0)))
    for line in answer.splitlines():
        kind, name, count = json.loads(line)
        (totals.rows if kind == "rows" else totals.dead_letters)[name] = int(count)
    return totals


class LeftOut:
    """Reads the log of intents on, and keeps what its valid records say of events that became nothing."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        shards = range(settings.kafka_partitions)
        self._next: dict[int, int] = {}
        """Where each shard's log is read on; its first offset before it was read."""
        self._chains = {shard: Chain() for shard in shards}
        self._valid: dict[int, dict[tuple[Any, ...], Intent]] = {shard: {} for shard in shards}
        self._before: Counter[str] = Counter({DUPLICATE: 0, SAMPLED_OUT: 0})

    @property
    def last(self) -> dict[int, Intent]:
        """The newest valid record read of every shard that has one."""
        return {shard: chain.last for shard, chain in self._chains.items() if chain.last is not None}

    async def read(self) -> Counter[str]:
        """Read up to the present end of every shard's log; what became nothing since the beginning, by word."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._settings.kafka_bootstrap_servers, enable_auto_commit=False, auto_offset_reset="none"
        )
        await consumer.start()
        try:
            logs = [TopicPartition(self._settings.kafka_intents_topic, shard) for shard in self._chains]
            consumer.assign(logs)
            # aiokafka starts a task here, and `stop` would raise its cancellation had it not run yet.
            await asyncio.sleep(0)
            for log, begin in (await consumer.beginning_offsets(logs)).items():
                consumer.seek(log, self._next.get(log.partition, begin))
            ends = await consumer.end_offsets(logs)
            while any([await consumer.position(log) < ends[log] for log in logs]):
                for log, records in (await consumer.getmany(timeout_ms=500)).items():
                    for record in records:
                        self._take(log.partition, record.offset, record.value)
            self._next = {log.partition: await consumer.position(log) for log in logs}
        finally:
            await stop(consumer)
        return self.counts()

    def counts(self) -> Counter[str]:
        """What was read so far."""
        counts = Counter(self._before)
        for intents in self._valid.values():
            for intent in intents.values():
                for words in intent.verdict.values():
                    counts.update({word: count_runs(words[word]) for word in DROPPED if word in words})
        return counts

    def created_anew(self, *, sources_too: bool) -> None:
        """The log is another one now, which counts from 0; `sources_too`: so do its ranges, and none comes again."""
        self._next = {}
        self._chains = {shard: Chain() for shard in self._chains}
        if sources_too:
            self.set_apart()

    def set_apart(self) -> None:
        """Count what was read for good: ranges that come from now on are of other records."""
        self._before = self.counts()
        self._valid = {shard: {} for shard in self._valid}

    def _take(self, shard: int, offset: int, value: bytes | None) -> None:
        intent = self._chains[shard].take(offset, value)
        if intent is None:
            return
        if intent.begins:
            self._valid[shard] = _below(self._valid[shard], intent.starts)
        # A superseding record says again what its predecessor said of the same ranges.
        self._valid[shard][(intent.chain, *sorted(intent.ranges.items()))] = intent


async def dropped(settings: Settings) -> Counter[str]:
    """What became nothing, by word, as the valid records of every shard's log say."""
    return await LeftOut(settings).read()


def _below(valid: dict[tuple[Any, ...], Intent], starts: dict[str, int]) -> dict[tuple[Any, ...], Intent]:
    """What still counts of the records where a chain begins anew at these offsets: what lies beyond is judged again."""
    return {
        key: msgspec.structs.replace(intent, verdict={t: _until(w, starts.get(t)) for t, w in intent.verdict.items()})
        for key, intent in valid.items()
    }


def _until(words: dict[str, Runs], end: int | None) -> dict[str, Runs]:
    """A verdict on the offsets below `end`; None: on all."""
    if end is None:
        return words
    return {word: to_runs(offset for offset in from_runs(runs) if offset < end) for word, runs in words.items()}
