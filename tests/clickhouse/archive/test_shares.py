"""Archived rows come back to the ClickHouse shard that has their Kafka shard, and leave it again by themselves."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from clickhouse.archive import job, manifest
from clickhouse.archive.day import Archive
from clickhouse.archive.restore import restore
from clickhouse.archive.share import Share, drop_parts, in_parts, parts_of
from streams.errors import ConfigurationError
from streams.settings import Settings
from tests.support.aged import archiving, count, day
from tests.support.lent import Databases

OLD = 740
ROWS = f"""
INSERT INTO events (event_id, event_type, occurred_at, ingested_at, topic, shard, offset)
SELECT toString(number), 'event.viewed', toDateTime64('{day(OLD)} 12:00:00', 3, 'UTC'), now64(3),
    'ticketing.interactions', number % 4, number
FROM numbers(40)
"""
"""Ten rows of each of four Kafka shards."""


@pytest.fixture
def shards(databases: Databases, tmp_path: Path) -> Iterator[list[Archive]]:
    """The archive as two ClickHouse shards have it."""
    with ExitStack() as stack:
        found = []
        for number in range(2):
            settings = stack.enter_context(databases.lent(rollups=False))
            own = stack.enter_context(archiving(settings, tmp_path))
            found.append(replace(own, share=Share(number, 2)))
        yield found


def by_kafka_shard(archive: Archive) -> dict[int, int]:
    rows = archive.work.client.query("SELECT shard, count() FROM events GROUP BY shard").result_rows
    return {int(shard): int(rows) for shard, rows in rows}


def test_rows_come_back_to_the_shard_of_their_kafka_shard(
    client: Client, store: Settings, tmp_path: Path, shards: list[Archive]
) -> None:
    """What a single server archived, restored where there are two shards now."""
    client.command(ROWS, settings={"async_insert": 0})
    with archiving(store, tmp_path) as single:
        list(job.run(single))
        [run] = manifest.manifests(single.store)
    assert (run.rows, run.shards, count(client, "events")) == (40, [0, 1, 2, 3], 0)
    when = date.fromisoformat(day(OLD))

    came = restore(shards, "events", when, 0)

    assert came == run.content
    assert [by_kafka_shard(each) for each in shards] == [{0: 10, 2: 10}, {1: 10, 3: 10}]
    with pytest.raises(ConfigurationError, match=r"every shard has the rows of events of .* already"):
        restore(shards, "events", when, 0)
    shards[1].work.client.command(f"ALTER TABLE events DROP PARTITION '{day(OLD)}'")
    assert restore(shards, "events", when, 0).rows == 20, "as after a call that was ended between two shards"

    left = [outcome.left for each in shards for outcome in job.run(each)]
    assert [content.rows for content in left if content] == [20, 20]
    assert manifest.manifests(shards[0].store) == [run], "they are in the archive, and not written again"


@pytest.mark.parametrize(
    ("shards", "has"), [(None, [True, True]), ([0, 2], [True, False]), ([3], [False, True]), ([], [False, False])]
)
def test_only_runs_that_may_have_its_rows_are_read(shards: list[int] | None, has: list[bool]) -> None:
    run = manifest.Manifest(
        table="events", day="2024-11-16", run=1, files=[], rows=0, hash="", columns=[], types=[],
        min_time=None, max_time=None, written_at=datetime.now(UTC), product="", clickhouse="", shards=shards,
    )  # fmt: skip

    assert [Share(number, 2).has(run) for number in range(2)] == has


def test_exactly_the_noted_parts_leave_a_table(client: Client, store: Settings, tmp_path: Path) -> None:
    """A row that came later stays, and so do all rows of a part that was merged meanwhile."""

    def insert() -> None:
        client.command(ROWS, settings={"async_insert": 0, "insert_deduplicate": 0})

    client.command("SYSTEM STOP MERGES events")
    insert()
    insert()
    with archiving(store, tmp_path) as single:
        work = single.work
        [partition] = work.partition_ids("events")
        noted = parts_of(work, "events", partition)
        insert()
        assert (len(noted), count(client, "events", in_parts(noted))) == (2, 80)

        drop_parts(work, "events", noted)
        assert count(client, "events") == 40

        insert()
        noted = parts_of(work, "events", partition)
        client.command("SYSTEM START MERGES events")
        client.command("OPTIMIZE TABLE events FINAL")
        with pytest.raises(DatabaseError, match="NO_SUCH_DATA_PART"):
            drop_parts(work, "events", noted)
        assert (count(client, "events"), count(client, "events", in_parts([]))) == (80, 0)
