"""A Kafka shard moves to a new ClickHouse shard, as clickhouse/README.md says under "More shards", but for the hold."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents.repair import chain
from agents.repair.parts import opened
from clickhouse import feeds
from clickhouse.client import FRESH
from clickhouse.columns import WITNESSED
from clickhouse.reconcile import reconcile
from clickhouse.rollups import TARGETS
from streams.cli.topics import create
from streams.settings import Settings
from tests.support.feed import pipeline, produce
from tests.support.spread import exactly_once
from tests.support.store import Answers
from tests.support.wire import mixed

pytestmark = [pytest.mark.slow, pytest.mark.faults]

ANEW = Path(__file__).parents[3] / "deploy" / "clickhouse" / "rollups_anew.sql"
LONG_AGO = 800


@pytest.fixture
def rollups() -> bool:
    """They move too."""
    return True


async def test_a_kafka_shard_moves_to_a_new_clickhouse_shard(
    ready: Settings, spread: Settings, stores: list[Answers]
) -> None:
    await produce(ready, mixed(200))
    async with pipeline(ready):
        await exactly_once(stores[:1], [200], of_all=1)
    await _outlive_their_raw_rows(stores[0])
    before = await _events(stores)
    assert all(before.values())

    for table in await _sharded(stores[0]):
        await _move(stores, table, shard=1)
    for store in stores:
        await _make_rollups_anew(store)

    await _as_the_raw_rows_say(stores)
    assert await _events(stores) == before
    old = await _events(stores, old=True)
    assert all(old.values())
    assert await _events(stores[:1], old=True) == old

    anew = spread.model_copy(update={"kafka_intents_topic": "intents-anew", "kafka_forgets": False})
    await create(anew)
    async with opened(anew) as parts:
        for number in (0, 1):
            plan = await chain.plan(parts.of(number), number)
            record, _ = await chain.begin(parts.of(number), plan, "tests", False)
            assert (record.stores, record.rows, plan.lost) == (2, {}, {})

    await produce(ready, [*mixed(200, first=200), *mixed(200)])  # the new home knows what the old one accepted
    async with pipeline(anew):
        await exactly_once(stores, [200, 200])
    await _as_the_raw_rows_say(stores)


async def test_rollups_may_be_made_anew_again(stores: list[Answers], ready: Settings) -> None:
    await produce(ready, mixed(60))
    async with pipeline(ready):
        await exactly_once(stores[:1], [60], of_all=1)
    before = await _events(stores[:1])
    statements = await _statements(stores[0])
    for statement in statements[: len(statements) // 2]:  # interrupted
        await stores[0].client.command(statement)

    for _ in range(2):
        await _make_rollups_anew(stores[0])

    assert await _events(stores[:1]) == before
    await _as_the_raw_rows_say(stores[:1])
    left = "SELECT name FROM system.tables WHERE database = currentDatabase() AND endsWith(name, '_anew')"
    assert await stores[0].rows(left) == []


async def _outlive_their_raw_rows(store: Answers) -> None:
    """Rollups of days whose raw rows have gone by retention."""
    for table in TARGETS:
        await store.client.command(
            f"INSERT INTO {table} SELECT * REPLACE (bucket - INTERVAL {LONG_AGO} DAY AS bucket) FROM {table}",
            settings={"async_insert": 0},
        )


async def _events(stores: list[Answers], old: bool = False) -> dict[str, int]:
    """Events by rollup, of all ClickHouse shards together."""
    where = f"bucket < now() - INTERVAL {LONG_AGO - 30} DAY" if old else "1"
    return {
        table: sum([int(await store.one(f"SELECT sum(events) FROM {table} WHERE {where}")) for store in stores])
        for table in TARGETS
    }


async def _as_the_raw_rows_say(stores: list[Answers]) -> None:
    """Every rollup and family table of each ClickHouse shard equals its raw rows."""
    for store in stores:
        targets = list((await feeds.targets(store.client)).values())
        found = await reconcile(store.client, targets, lambda _: True, lambda *_: None)
        assert {each.target.name for each in found} >= set(TARGETS)
        assert all(each.compared for each in found)
        assert [(each.target.name, each.differing, each.open) for each in found if each.days] == []


async def _statements(store: Answers) -> list[str]:
    first = (datetime.now(UTC) - timedelta(days=30)).date()
    result = await store.client.query(ANEW.read_text("utf-8"), parameters={"first": first})
    return [str(statement).rstrip(";") for (statement,) in result.result_rows]


async def _make_rollups_anew(store: Answers) -> None:
    for statement in await _statements(store):
        await store.client.command(statement)


async def _sharded(store: Answers) -> list[str]:
    return [
        name
        for (name,) in await store.rows(
            "SELECT table FROM system.columns WHERE database = currentDatabase() AND name = 'shard' AND table IN "
            "(SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree')"
        )
    ]


async def _move(stores: list[Answers], table: str, shard: int) -> None:
    old, new = (store.client for store in stores)
    await new.command(f"CREATE TABLE {table}_staging AS {table}")
    if table in WITNESSED:
        await new.command(f"ALTER TABLE {table}_staging DROP CONSTRAINT {FRESH}")
    rows = await old.raw_query(f"SELECT * FROM {table} WHERE shard = {shard}", fmt="Native")
    await new.raw_insert(f"{table}_staging", insert_block=rows, fmt="Native", settings={"async_insert": 0})
    parts = "SELECT DISTINCT partition_id FROM system.parts WHERE active AND database = currentDatabase() AND table = "
    for (partition,) in await stores[1].rows(f"{parts}'{table}_staging'"):
        await new.command(f"ALTER TABLE {table} ATTACH PARTITION ID '{partition}' FROM {table}_staging")
    await new.command(f"DROP TABLE {table}_staging")
    await old.command(f"DELETE FROM {table} WHERE shard = {shard}")
