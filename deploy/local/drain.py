"""When every record that the source topics held at one moment has its end, whoever sent it.

Events of others are counted with those of a run, so their number alone never tells that all of the run's are there.
"""

import asyncio
import json

from aiokafka import AIOKafkaConsumer, TopicPartition

from agents import consumer as consumers
from agents.source import ends_of
from deploy.local.clickhouse_part import ask
from deploy.local.totals import QUERY_SECONDS, LeftOut, Totals, stored
from streams.intent import Intent
from streams.settings import Settings
from streams.topics import source_topics

Ends = dict[tuple[str, int], int]
"""Per source topic and partition an offset: of the first record that is not waited for."""
Lines = dict[tuple[int, str], int]
"""Per shard and table the sequence number of the newest batch that ClickHouse has taken."""


async def source_ends(settings: Settings) -> Ends:
    """Where the source topics end now. Raises KafkaError."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
    )
    await consumers.start(consumer)
    try:
        shards = range(settings.kafka_partitions)
        tps = [TopicPartition(topic, shard) for topic in source_topics() for shard in shards]
        consumer.assign(tps)
        return {(tp.topic, tp.partition): end for tp, end in (await ends_of(consumer, tps)).items()}
    finally:
        await consumers.stop(consumer)


class Drain:
    """Follows what is taken and delivered up to the present ends of the source topics."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._log = LeftOut(settings)
        self._ends: Ends | None = None

    def look(self) -> tuple[int, Totals]:
        """How many of the records still have no end, and everything that is known now. Raises OSError, KafkaError.

        The first look decides which records are meant. What has its end is queryable, and so in the totals.
        """
        if self._ends is None:
            self._ends = asyncio.run(source_ends(self._settings))
        left_out = asyncio.run(self._log.read())
        left = waiting(self._ends, self._log.last, delivered(self._settings))
        totals = stored(self._settings)
        totals.dropped = left_out
        return left, totals


def delivered(settings: Settings) -> Lines:
    """The newest batch of every shard and table. Raises OSError."""
    assert settings.clickhouse_url is not None
    query = f"SELECT shard, relation, max(intent) FROM `{settings.clickhouse_database}`.delivered GROUP BY ALL"
    answer = ask(settings.clickhouse_url, f"{query} FORMAT JSONCompactEachRow", QUERY_SECONDS)
    return {(shard, table): int(seq) for shard, table, seq in map(json.loads, answer.splitlines())}


def waiting(ends: Ends, last: dict[int, Intent], lines: Lines) -> int:
    """How many records below these ends no delivered batch has taken; `last`: the newest valid record of each shard.

    Everything before a shard's last record is delivered, or that one would not have been proposed.
    """
    left = 0
    for (topic, shard), end in ends.items():
        record = last.get(shard)
        start, stop = record.ranges.get(topic, (0, 0)) if record is not None else (0, 0)
        there = record is not None and all(lines.get((shard, table), -1) >= record.seq for table in _tables(record))
        left += max(0, end - (stop if there else start))
    return left


def _tables(record: Intent) -> list[str]:
    return [table for table, rows in record.rows.items() if rows]
