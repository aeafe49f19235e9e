"""Replicated tables that take rows, with a real ZooKeeper: tokens, rebuild and reconciliation in a cluster."""

import json
import secrets
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from agents.gate import seconds_to_wait
from clickhouse import compare, feeds
from clickhouse.archive.passing import Work
from clickhouse.client import connect
from clickhouse.lock import Lock
from clickhouse.retention import job
from clickhouse.retention.ledger import Ledger
from clickhouse.shards import check_places
from streams.cli.rollups import patience
from streams.errors import ConfigurationError
from streams.events.domains import RIDES, TICKETING
from streams.settings import Settings
from tests.support.aged import aged, day, put
from tests.support.command import millrace, millrace_with
from tests.support.replicated import connected, make, whole_database
from tests.support.rows import DAY, Block, bodies, insert, intent, samples
from tests.support.waiting import until

pytestmark = pytest.mark.long

DAMAGED = ("daily_trips", "trip_events")


def blocks(seq: int = 1, first: int = 0) -> dict[str, Block]:
    """A batch of both domains on two days, by raw table."""
    record = intent(seq)
    return bodies([*samples(RIDES, 60, days=2, seed=seq), *samples(TICKETING, 60, days=2, seed=seq)], record, first)


def count(client: Client, table: str) -> int:
    return int(client.query(f"SELECT count() FROM {table}").result_rows[0][0])


@pytest.fixture(scope="module")
def whole(replicas: Settings) -> Settings:
    """Settings of a database with all tables and views, held for an hour already."""
    return whole_database(replicas)


@pytest.fixture
def client(whole: Settings) -> Iterator[Client]:
    with connected(whole) as client:
        yield client


class Pair(NamedTuple):
    """Two replicas of one table: databases of one server, of which neither can fetch from the other."""

    settings: list[Settings]
    clients: list[Client]


@pytest.fixture
def pair(replicas: Settings) -> Iterator[Pair]:
    """Of `events_raw`, without views."""
    group = f"test_{secrets.token_hex(6)}"
    names = [f"{group}_one", f"{group}_two"]
    with connected(replicas, clickhouse_database="default") as client:
        for name in names:
            make(client, name, group, ("events_raw",))
            client.command(f"SYSTEM STOP FETCHES {name}.events_raw", use_database=False)
    own = [replicas.model_copy(update={"clickhouse_database": name, "kafka_group": group}) for name in names]
    with connected(own[0]) as first, connected(own[1]) as second:
        yield Pair(own, [first, second])
        for name in names:
            first.command(f"DROP DATABASE {name} SYNC", use_database=False)


def test_a_token_that_one_replica_took_adds_nothing_on_the_other(pair: Pair) -> None:
    """R9 in a cluster: the Keeper commits parts and token in one step, for all replicas."""
    block = bodies(samples(RIDES, 60, days=2), intent())["events_raw"]
    one, two = pair.clients

    insert(one, pair.settings[0], "events_raw", block, "batch")
    insert(one, pair.settings[0], "events_raw", block, "batch")
    insert(two, pair.settings[1], "events_raw", block, "batch")

    assert (count(one, "events_raw"), count(two, "events_raw")) == (60, 0)
    insert(two, pair.settings[1], "events_raw", block, "next")
    assert count(two, "events_raw") == 60, "another token is another batch"


async def equal(client: AsyncClient) -> None:
    """Every rollup and family table is what its raw rows say."""
    for target in (await feeds.targets(client)).values():
        days = await feeds.days_of(client, target.sources)
        assert await compare.differences(client, target, days) == [], target.name


async def test_a_batch_that_is_delivered_again_adds_nothing_to_any_view(whole: Settings, client: Client) -> None:
    """The tokens of views' targets are in the Keeper too; a failure between source and view is completed by a retry."""
    batch = blocks()
    before = count(client, "events_raw")
    client.command(
        "CREATE MATERIALIZED VIEW zz_fails_mv TO popular_routes AS "
        "SELECT toStartOfFifteenMinutes(occurred_at) AS bucket FROM events_raw WHERE throwIf(1, 'broken') = 0"
    )
    with pytest.raises(DatabaseError, match="broken"):
        insert(client, whole, "events_raw", batch["events_raw"], "again")
    client.command("DROP VIEW zz_fails_mv SYNC")

    for _ in range(3):
        for table, block in batch.items():
            insert(client, whole, table, block, "again")

    assert count(client, "events_raw") == before + 60
    opened = await connect(whole)
    try:
        await equal(opened)
    finally:
        await opened.close()


async def test_what_differs_is_made_again_in_a_cluster(whole: Settings, client: Client) -> None:
    """One ClickHouse shard: found, told, repaired under a hold that is old enough, logged; nothing else is touched."""
    for table, block in blocks(seq=2, first=1000).items():
        insert(client, whole, table, block, "repaired")
    for name in DAMAGED:
        client.command(f"INSERT INTO {name} SELECT * FROM {name}", settings={"insert_deduplicate": 0})
    client.command(
        "INSERT INTO repairs (shard, chain, intent, nonce, relation, day, done) "
        f"VALUES (0, 'c', 1, 'n', 'events_raw', '{DAY}', 0)",
        settings={"async_insert": 0},
    )

    told = await millrace(whole, "reconcile", "--json")
    repaired = await millrace(whole, "reconcile", "--repair")
    again = await millrace(whole, "reconcile")

    assert told.code == 1, told.err
    found = {each["table"]: each for each in json.loads(told.out)}
    assert {name for name, each in found.items() if each["differing"]} == set(DAMAGED)
    assert {each["clickhouse_shard"] for each in found.values()} == {1}
    assert found["daily_users"]["open"] == [str(DAY)]
    assert (repaired.code, again.code) == (0, 0), (repaired.err, again.out)
    assert "all as the raw rows say" in again.out
    assert client.query("SELECT name FROM holds FINAL WHERE held").result_rows == [("mine",)]
    assert count(client, "system.tables WHERE name LIKE 'rebuild\\_%' AND database = currentDatabase()") == 0
    opened = await connect(whole)
    try:
        await equal(opened)
    finally:
        await opened.close()


async def test_a_late_retry_after_a_swap_is_refused_for_its_age(whole: Settings, client: Client) -> None:
    """In the Keeper REPLACE PARTITION forgets the target's tokens: why a rebuild waits for the age in a cluster."""
    client.command("ALTER TABLE events DROP CONSTRAINT fresh")
    client.command(
        "ALTER TABLE events ADD CONSTRAINT fresh CHECK ingested_at BETWEEN nowInBlock64(3) - INTERVAL 20 SECOND "
        "AND nowInBlock64(3) + INTERVAL 1 MINUTE"
    )
    block = blocks(seq=3, first=2000)["events"]
    insert(client, whole, "events", block, "late")
    rebuilt = await millrace(whole, "rebuild", "organizer_daily_metrics", "ticket_sales")
    assert rebuilt.code == 0, rebuilt.err

    def is_aged() -> bool:
        return bool(
            client.query("SELECT max(ingested_at) < now64(3) - INTERVAL 21 SECOND FROM events").result_rows[0][0]
        )

    until("an aged batch", is_aged, 60)
    with pytest.raises(DatabaseError, match="Constraint `fresh`"):
        insert(client, whole, "events", block, "late")

    assert patience(whole).closed == patience(whole).silent == seconds_to_wait(300, 30)
    opened = await connect(whole)
    try:
        await equal(opened)
    finally:
        await opened.close()


async def test_what_is_old_becomes_coarser_on_its_shard(whole: Settings, client: Client) -> None:
    """`millrace retention run` on one ClickHouse shard, but for its turn, which is taken by a statement ON CLUSTER."""
    old = [each for each in aged(19, 31) if each["type"] == "driver.location.updated"]
    put(client, whole, old, "old", first=3000)
    exact = f"events_raw WHERE position_latitude IS NOT NULL AND toDate(occurred_at) = '{day(31)}'"
    before = count(client, exact)
    assert before > 0

    planned = await millrace(whole, "retention", "plan", "--json")
    status = await millrace(whole, "retention", "status", "--json")
    lock = Lock(client, whole.clickhouse_database, 0, "nobody")
    work, ledger = Work(client, whole, lock), Ledger(client, whole.clickhouse_database, "tests", shard="1")
    done = [each for each, why in job.run(work, ledger) if not why]
    again = list(job.run(work, ledger))

    [line] = [each for each in planned.json if (each["step"], each["table"]) == ("coarsen", "events_raw")]
    assert (line["clickhouse_shard"], line["partition"]) == ("1", day(31))
    assert {each["table"]: each["rows"] for each in status.json["tables"]}["events_raw"] == count(client, "events_raw")
    assert ("events_raw", day(31)) in {(each.partition.table.name, each.partition.name) for each in done}
    assert (count(client, exact), again) == (0, [])
    lines = "SELECT partition, rows FROM retention_log WHERE action = 'coarsen' AND relation = 'events_raw'"
    assert client.query(lines).result_rows == [(f"{day(31)} of shard 1", before)]


async def test_a_replica_that_lags_is_not_repaired_from(pair: Pair) -> None:
    """Rows that only another replica has must not be taken for missing: the command waits, and then gives up."""
    insert(pair.clients[0], pair.settings[0], "events_raw", bodies(samples(RIDES, 60), intent())["events_raw"], "batch")
    impatient = {"streams.cli.rollups.LONG_SECONDS": 3.0}

    said = await millrace_with(impatient, pair.settings[1], "reconcile", "--repair")

    assert said.code == 1
    assert "ClickHouse cannot be reached" in said.err
    assert count(pair.clients[1], "events_raw") == 0


@pytest.mark.parametrize(("named", "count"), [(["1"], 2), (["1", "1"], 2), (["1", "2"], 1)])
def test_addresses_that_leave_a_shard_out_are_refused(named: list[str], count: int) -> None:
    with pytest.raises(ConfigurationError, match=rf"cluster c has {count} shards.*CLICKHOUSE_SHARD_URLS"):
        check_places("c", named, count)


def test_one_address_for_each_shard_is_enough() -> None:
    check_places("c", ["2", "1"], 2)
