"""Erasure, legal holds, archive and daily metrics in a cluster: whole commands on replicated tables that take rows.

The cluster has one node, which executes what is meant ON CLUSTER (tests/support/replicated.py).
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from clickhouse import daily_job, persons, twins
from clickhouse.client import connect
from clickhouse.suppressions import Suppressions
from streams.events.domains import TICKETING
from streams.persons import Pseudonyms
from streams.settings import Settings
from tables.personal import personal_windows
from tests.support.aged import aged, count, day, put
from tests.support.command import millrace
from tests.support.replicated import as_cluster, connected, whole_database

pytestmark = pytest.mark.long

KEY = "a key for tests only"
SOMEONE, OTHER = "person-7", "person-77"
OLD = 740
DAILY = """
SELECT day, domain, metric, toString(dimensions) AS dimensions, currency, numerator, denominator, value
FROM {table} FINAL ORDER BY ALL
"""


@pytest.fixture(scope="module")
def whole(replicas: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a database with all tables, views and twins, as commands have them; no `make up` here is found."""
    own = whole_database(replicas).model_copy(update={"millrace_home": tmp_path_factory.mktemp("home")})
    with as_cluster(own) as settings:
        with connected(settings) as client:
            twins.follow(client, settings)
        yield settings


@pytest.fixture
def client(whole: Settings) -> Iterator[Client]:
    with connected(whole) as client:
        yield client


def rows_of(client: Client, settings: Settings, who: str) -> dict[str, int]:
    """Rows that name a person, by table."""
    found = persons.conditions(persons.columns(client, settings.clickhouse_database), personal_windows())
    given = {"person": who, "keys": [who]}
    counted = {
        table: int(client.query(f"SELECT count() FROM {table} WHERE {where}", parameters=given).result_rows[0][0])
        for table, where in found.items()
    }
    return {table: rows for table, rows in counted.items() if rows}


async def test_a_person_is_forgotten_in_a_cluster(whole: Settings, client: Client) -> None:
    for n, who in enumerate((SOMEONE, OTHER)):
        put(client, whole, aged(19, 1, user_id=who, driver_id=who), f"rides-{who}", first=1000 * n)
        sold = aged(26, 1, TICKETING, user_id=who, session_id=f"visit-{who}")
        put(client, whole, sold, f"sold-{who}", first=1000 * n)
        client.command(
            "INSERT INTO dead_letter_actions (topic, partition, offset, chain, value) "
            f"SELECT 'rides.user', 0, {n}, 'c', {{v:String}}",
            parameters={"v": f'{{"user_id": "{who}"}}'},
            settings={"async_insert": 0},
        )
    theirs, others = rows_of(client, whole, SOMEONE), rows_of(client, whole, OTHER)
    assert {"events_raw", "trip_events", "events", "driver_earnings", "dead_letter_actions"} <= set(theirs)

    planned = await millrace(whole, "forget", SOMEONE, "--dry-run", "--json", ERASURE_KEY=KEY)
    assert rows_of(client, whole, SOMEONE) == theirs
    done = await millrace(whole, "forget", SOMEONE, "--json", ERASURE_KEY=KEY)
    again = await millrace(whole, "forget", SOMEONE, "--json", ERASURE_KEY=KEY)

    assert (done.code, again.code) == (0, 0), (done.err, again.err)
    assert done.json["state"] == "erased"
    assert done.json["places"] == planned.json["places"]
    assert {place["where"]: place["rows"] for place in done.json["places"]} == theirs
    assert rows_of(client, whole, SOMEONE) == {}
    assert rows_of(client, whole, OTHER) == others
    assert again.json["places"] == []
    assert client.query("SELECT name FROM holds FINAL WHERE held").result_rows == [("mine",)]
    opened = await connect(whole)
    try:
        listed = await Suppressions(opened, whole.clickhouse_cluster).read()
    finally:
        await opened.close()
    assert listed.pseudonyms == {(Pseudonyms(KEY).of(SOMEONE), "")}


async def test_a_legal_hold_in_a_cluster(whole: Settings, client: Client) -> None:
    put(client, whole, aged(26, 1, TICKETING, user_id="held"), "held", first=3000)

    def ttl(table: str) -> str:
        sql = "SELECT create_table_query FROM system.tables WHERE database = currentDatabase() AND name = {t:String}"
        text = str(client.query(sql, parameters={"t": table}).result_rows[0][0])
        return text.partition(" TTL ")[2].partition(" SETTINGS ")[0]

    placed = await millrace(whole, "legal-hold", "place", "case", "--reason", "court", "--person", "held")
    listed = await millrace(whole, "legal-hold", "list", "--json")
    during = ttl("page_views")
    refused = await millrace(whole, "forget", "held", "--json", ERASURE_KEY=KEY)
    released = await millrace(whole, "legal-hold", "release", "case")

    assert (placed.code, released.code) == (0, 0), (placed.err, released.err)
    assert [(hold["name"], hold["person"]) for hold in listed.json] == [("case", "held")]
    assert (during, ttl("page_views")) == ("", "toDate(occurred_at) + toIntervalDay(732)")
    assert (refused.code, refused.json["state"]) == (1, "held")
    assert count(client, "events", "user_id = 'held'") > 0
    lines = client.query("SELECT action FROM retention_log WHERE action LIKE 'legal%' ORDER BY at").result_rows
    assert lines == [("legal_hold",), ("legal_release",)]


async def test_a_day_goes_to_the_archive_and_comes_back_in_a_cluster(
    whole: Settings, client: Client, tmp_path: Path
) -> None:
    own = whole.model_copy(update={"archive_url": str(tmp_path)})
    assert (await millrace(own, "retention", "apply")).code == 0
    put(client, whole, aged(190, OLD), "old", first=5000)
    there = f"toDate(occurred_at) = '{day(OLD)}'"
    assert count(client, "events_raw", there) == 190

    ran = await millrace(own, "archive", "run", "--json")
    assert ran.code == 0, ran.err
    [gone] = ran.json
    verified = await millrace(own, "archive", "verify", "--json")
    left = count(client, "events_raw", there)
    back = await millrace(own, "archive", "restore", "events_raw", "--day", day(OLD), "--json")
    kept = await millrace(own, "archive", "run", "--json")
    twice = await millrace(own, "archive", "restore", "events_raw", "--day", day(OLD))

    assert (gone["table"], gone["partition"], gone["dropped_rows"]) == ("events_raw", day(OLD), 190)
    assert (gone["clickhouse_shard"], left) == ("1", 0)
    assert [(line["rows"], line["fault"]) for line in verified.json] == [(190, "")]
    written = json.loads((tmp_path / f"table=events_raw/day={day(OLD)}/run=1/manifest.json").read_text("utf-8"))
    assert (written["hash"], written["shards"]) == (gone["hash"], [1])
    assert (back.json["rows"], back.json["hash"]) == (190, gone["hash"]), back.err
    assert count(client, "events_raw", there) == 190
    assert kept.json == [], "it was asked for, so it stays for a while"
    assert twice.code == 1
    assert "has 190 rows of" in twice.err
    assert count(client, "system.tables", "database = currentDatabase() AND startsWith(name, 'passing_')") == 0
    lines = "SELECT DISTINCT partition FROM retention_log WHERE action IN ('archive', 'verify', 'drop', 'restore')"
    assert client.query(lines).result_rows == [(f"{day(OLD)} of shard 1",)]


async def test_daily_metrics_of_a_cluster_are_those_of_its_rows(whole: Settings, client: Client) -> None:
    """Read through the twins, written once for all nodes; the same as of the tables of its one shard."""
    put(client, whole, aged(95, 3), "rides", first=7000)
    put(client, whole, aged(95, 3, TICKETING), "ticketing", first=7000)

    database = whole.clickhouse_database
    client.command(f"DROP TABLE {database}_all.user_funnel SYNC")

    blind = await millrace(whole, "metrics-daily", "--domain", "ticketing")
    twins.follow(client, whole)
    ran = await millrace(whole, "metrics-daily")
    assert (blind.code, ran.code) == (1, 0), (blind.out, ran.err)
    assert "user_funnel" in blind.err
    found = client.query(DAILY.format(table="metrics_daily")).result_rows
    through = client.query(DAILY.format(table=f"{database}_all.metrics_daily")).result_rows
    opened = await connect(whole)
    try:
        count_again = await daily_job.run(
            daily_job.Store(opened), ("rides", "ticketing"), lambda _: True, 0, lambda *_: None
        )
    finally:
        await opened.close()

    assert int(ran.out.split()[0]) == count_again > 0
    assert found == through == client.query(DAILY.format(table="metrics_daily")).result_rows
    of_day = f"metric = 'events' AND domain = 'ticketing' AND day = '{day(3)}'"
    told = client.query(f"SELECT sum(value) FROM metrics_daily FINAL WHERE {of_day}").result_rows
    assert told == [(count(client, "events", f"toDate(occurred_at) = '{day(3)}'"),)]
