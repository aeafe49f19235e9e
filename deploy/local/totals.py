"""What became of the events: rows and dead letters from ClickHouse, duplicates and samples from the log of intents."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.consumer import stop
from clickhouse.columns import FAMILIES, RAW
from deploy.local.clickhouse_part import ask
from streams.batch import count_runs
from streams.intent import Chain, Intent
from streams.settings import Settings

QUERY_SECONDS = 30.0
DROPPED = ("duplicate", "sampled_out")


@dataclass
class Totals:
    """Counts of events. The rows of raw tables, dead letters, duplicates and sampled out add up to what was taken."""

    rows: Counter[str] = field(default_factory=Counter)
    """By table."""
    dead_letters: Counter[str] = field(default_factory=Counter)
    """By reason."""
    dropped: Counter[str] = field(default_factory=Counter)
    """`duplicate` and `sampled_out`."""

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

    def as_json(self, sent: int, freshness: float | None) -> str:
        """The last line of `millrace up --json`."""
        return json.dumps(
            {
                "sent": sent,
                "rows": dict(self.rows),
                "dead_letters": dict(self.dead_letters),
                "duplicates": self.dropped["duplicate"],
                "sampled_out": self.dropped["sampled_out"],
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


async def dropped(settings: Settings) -> Counter[str]:
    """Duplicates and events sampled out, as the valid records of every shard's log say."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        logs = [TopicPartition(settings.kafka_intents_topic, shard) for shard in range(settings.kafka_partitions)]
        consumer.assign(logs)
        # aiokafka starts a task here, and `stop` would raise its cancellation had it not run yet.
        await asyncio.sleep(0)
        ends = await consumer.end_offsets(logs)
        valid: dict[TopicPartition, dict[tuple[Any, ...], Intent]] = {log: {} for log in logs}
        chains = {log: Chain() for log in logs}
        while any([await consumer.position(log) < ends[log] for log in logs]):
            for log, records in (await consumer.getmany(timeout_ms=500)).items():
                for record in records:
                    intent = chains[log].take(record.offset, record.value)
                    if intent is not None and intent.begins:
                        valid[log] = _below(valid[log], intent.starts)
                    if intent is not None:
                        # A superseding record says again what its predecessor said of the same ranges.
                        valid[log][(intent.chain, *sorted(intent.ranges.items()))] = intent
    finally:
        await stop(consumer)
    counts: Counter[str] = Counter(dict.fromkeys(DROPPED, 0))
    for intents in valid.values():
        for intent in intents.values():
            for words in intent.verdict.values():
                counts.update({word: count_runs(words[word]) for word in DROPPED if word in words})
    return counts


def _below(valid: dict[tuple[Any, ...], Intent], starts: dict[str, int]) -> dict[tuple[Any, ...], Intent]:
    """The records that still count where a chain begins anew at these offsets: what lies beyond is read again."""
    return {
        key: intent
        for key, intent in valid.items()
        if all(end <= starts.get(topic, end) for topic, end in intent.ends.items())
    }
