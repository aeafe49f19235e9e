"""Tables follow the policy: rows lie on the disk that their age asks for, and nothing that is held or archived goes."""

import time
from datetime import date
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from clickhouse import legal, policy
from clickhouse.archive.passing import Work
from clickhouse.legal import LegalHold
from clickhouse.retention import job, seen
from clickhouse.retention.ledger import Ledger
from clickhouse.retention.partitions import days
from clickhouse.retention.ttl import read
from streams.errors import ConfigurationError
from streams.settings import Settings
from tests.support.aged import aged, archiving, count, day, put

DISKS = (
    "SELECT partition, groupUniqArray(disk_name) FROM system.parts "
    "WHERE database = currentDatabase() AND table = {table:String} AND active AND rows > 0 GROUP BY partition"
)


@pytest.fixture
def rollups() -> bool:
    """Their policy is the default one, as that of other tables is."""
    return False


def disks(client: Client, table: str) -> dict[str, list[str]]:
    """The disks that each partition lies on."""
    rows = client.query(DISKS, parameters={"table": table}).result_rows
    return {str(name): list(found) for name, found in rows}


def eventually_on(client: Client, table: str, wanted: dict[str, list[str]]) -> None:
    """ClickHouse moves parts by itself, soon."""
    deadline = time.monotonic() + 20
    while (found := disks(client, table)) != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def shown(client: Client, table: str) -> str:
    """A table's TTL."""
    live = read(table, policy.create_queries(client, str(client.database))[table])
    assert live is not None
    return live.ttl


def test_old_rows_lie_on_the_cold_disk(client: Client, store: Settings) -> None:
    put(client, store, aged(19, 1), "new")
    put(client, store, aged(19, 100), "old")

    eventually_on(client, "events_raw", {day(1): ["default"], day(100): ["cold"]})
    eventually_on(client, "booking_events", {day(1): ["default"], day(100): ["cold"]})
    assert count(client, "events_raw") == 38


@pytest.mark.long
def test_rows_from_before_a_change_of_the_policy_follow_it(client: Client, store: Settings, tmp_path: object) -> None:
    one_tier = store.model_copy(update={"clickhouse_storage_policy": None})
    policy.adjust(client, one_tier)
    assert "TO VOLUME" not in shown(client, "events_raw")
    put(client, store, aged(19, 100), "old")
    assert disks(client, "events_raw") == {day(100): ["default"]}

    with archiving(store, store.millrace_home / "none") as archive:
        changes = job.apply([archive.work], archive.ledger)

        assert "events_raw" in {change.table for change in changes}
        assert job.drift(archive.work) == []
    eventually_on(client, "events_raw", {day(100): ["cold"]})
    logged = [line.table for line in Ledger(client, store.clickhouse_database, "test").newest(100)]
    assert "events_raw" in logged


def test_rows_that_are_to_be_archived_have_no_ttl_that_drops_them(client: Client, store: Settings) -> None:
    assert shown(client, "events_raw") == "toDate(occurred_at) + toIntervalDay(90) TO VOLUME 'cold'"
    assert shown(client, "trip_events").endswith(", toDate(occurred_at) + toIntervalDay(732)")

    policy.adjust(client, store.model_copy(update={"archive_url": None}))

    assert shown(client, "events_raw").endswith(", toDate(occurred_at) + toIntervalDay(732)")


def test_a_table_that_a_legal_hold_touches_drops_nothing_by_itself(client: Client, store: Settings) -> None:
    legal.place(client, store.clickhouse_database, LegalHold("case", "trip_events", reason="court"))
    policy.adjust(client, store)
    assert shown(client, "trip_events") == "toDate(occurred_at) + toIntervalDay(90) TO VOLUME 'cold'"
    assert "732" in shown(client, "booking_events")

    [hold] = legal.active(client, store.clickhouse_database)
    legal.release(client, store.clickhouse_database, hold)
    policy.adjust(client, store)
    assert "732" in shown(client, "trip_events")


def test_the_job_drops_beside_a_hold_what_no_ttl_takes_any_more(client: Client, store: Settings) -> None:
    hold = LegalHold("case", "trip_events", date.fromisoformat(day(800)), date.fromisoformat(day(750)), reason="court")
    legal.place(client, store.clickhouse_database, hold)
    policy.adjust(client, store)
    for days_ago in (760, 740, 5):
        put(client, store, aged(19, days_ago), f"of {days_ago}")
    before = [count(client, "trip_events", f"toDate(occurred_at) = '{day(ago)}'") for ago in (760, 5)]

    with archiving(store, store.millrace_home / "none") as archive:
        done = [(each.partition, why) for each, why in job.run(archive.work, archive.ledger)]

    trips = [(each.name, why) for each, why in done if each.table.name == "trip_events"]
    assert trips == [(day(760), f"trip_events {day(760)} is kept by legal hold `case` (court)"), (day(740), "")]
    assert count(client, "trip_events") == sum(before)


def test_coordinates_of_pings_go_before_their_rows(client: Client, store: Settings) -> None:
    pings = [event for event in aged(190, 40) if event["type"] == "driver.location.updated"]
    put(client, store, pings, "old")
    put(client, store, aged(19, 40), "others")
    exact = "position_latitude IS NOT NULL OR position_longitude IS NOT NULL"
    cells = count(client, "location_events", "position_cell != 0")
    assert count(client, "location_events", exact) > 0
    pickups = count(client, "events_raw", "pickup_latitude IS NOT NULL")

    with archiving(store, store.millrace_home / "none") as archive:
        done = {each.partition.table.name for each, _ in job.run(archive.work, archive.ledger)}
        assert {"location_events", "events_raw"} <= done
        assert list(job.run(archive.work, archive.ledger)) == []

    for table in ("location_events", "events_raw"):
        assert count(client, table, exact) == 0
    assert count(client, "location_events", "position_cell != 0") == cells > 0
    assert count(client, "events_raw", "pickup_latitude IS NOT NULL") == pickups > 0


def noted(client: Client, settings: Settings, table: str) -> list[tuple[str, str, int, str]]:
    """What the log has of a table's partitions, but for what jobs did, oldest first."""
    lines = Ledger(client, settings.clickhouse_database, "test").newest(1000)
    own = [line for line in lines if line.table == table and line.action in ("cold", "ending", "gone")]
    return [(line.action, line.partition, line.rows, line.detail) for line in reversed(own)]


def run(settings: Settings) -> None:
    """The daily job."""
    with archiving(settings, settings.millrace_home / "none") as archive:
        list(job.run(archive.work, archive.ledger))


def test_what_clickhouse_moves_and_drops_by_itself_is_logged(client: Client, store: Settings, tmp_path: Path) -> None:
    put(client, store, aged(19, 1), "new")
    put(client, store, aged(19, 100), "old")
    for table in ("booking_events", "trip_events"):
        eventually_on(client, table, {day(1): ["default"], day(100): ["cold"]})
    rows = count(client, "booking_events", f"toDate(occurred_at) = '{day(100)}'")

    run(store)
    run(store)
    assert noted(client, store, "booking_events") == [("cold", day(100), rows, "")]

    policy_file = tmp_path / "short.toml"
    families = '[family]\ntables = ["booking_events"]\nhot = 9\ncold = 95\n'
    raw = '[raw]\ntables = ["events_raw"]\nhot = 9\ncold = 731\narchive = 735\n'
    policy_file.write_text(f'{raw}{families}[all]\ndefault = true\nhot = "ever"')
    shorter = store.model_copy(update={"retention_policy_file": policy_file})
    policy.adjust(client, shorter)
    client.command("OPTIMIZE TABLE booking_events FINAL")
    eventually_on(client, "booking_events", {day(1): ["default"]})
    client.command(f"ALTER TABLE trip_events DROP PARTITION '{day(100)}'")
    run(shorter)
    run(shorter)

    assert noted(client, store, "booking_events")[1:] == [("gone", day(100), rows, "by its TTL")]
    [(_, _, trips, _), gone] = noted(client, store, "trip_events")
    assert gone == ("gone", day(100), trips, seen.TOO_EARLY)


def test_without_a_cold_tier_a_partition_is_noted_before_it_goes(client: Client, store: Settings) -> None:
    one_tier = store.model_copy(update={"clickhouse_storage_policy": None})
    policy.adjust(client, one_tier)
    put(client, store, aged(19, 728), "ending")
    put(client, store, aged(19, 700), "later")
    rows = count(client, "trip_events", f"toDate(occurred_at) = '{day(728)}'")

    run(one_tier)
    client.command(f"ALTER TABLE trip_events DROP PARTITION '{day(728)}'")
    run(one_tier)

    ending, gone = noted(client, store, "trip_events")
    assert ending == ("ending", day(728), rows, f"due on {day(728 - 732)}")
    assert gone[:3] == ("gone", day(728), rows)
    assert noted(client, store, "events_raw") == []  # these go by a job, which writes a line of its own


def test_a_storage_policy_that_the_server_lacks_is_named(client: Client, store: Settings) -> None:
    wrong = store.model_copy(update={"clickhouse_storage_policy": "three_tiers"})
    with archiving(wrong, store.millrace_home / "none") as archive, pytest.raises(ConfigurationError) as refused:
        job.apply([Work(client, wrong, archive.work.lock)], archive.ledger)

    assert "CLICKHOUSE_STORAGE_POLICY=three_tiers: the server has no such policy" in str(refused.value)


def test_two_jobs_never_run_at_once(store: Settings) -> None:
    with (
        archiving(store, store.millrace_home / "none"),
        pytest.raises(ConfigurationError, match="and only one may"),
        archiving(store, store.millrace_home / "none"),
    ):
        pass
    with archiving(store, store.millrace_home / "none"):
        pass


@pytest.mark.parametrize(
    ("function", "name", "first", "last"),
    [
        ("toDate", "2026-02-03", "2026-02-03", "2026-02-03"),
        ("", "2026-02-03", "2026-02-03", "2026-02-03"),
        ("toYYYYMMDD", "20260203", "2026-02-03", "2026-02-03"),
        ("toMonday", "2026-02-02", "2026-02-02", "2026-02-08"),
        ("toYYYYMM", "202402", "2024-02-01", "2024-02-29"),
        ("toStartOfMonth", "2026-12-01", "2026-12-01", "2026-12-31"),
    ],
)
def test_the_days_of_a_partition(function: str, name: str, first: str, last: str) -> None:
    assert days(function, name) == (date.fromisoformat(first), date.fromisoformat(last))


def test_a_partition_that_is_no_date_has_no_days() -> None:
    assert days("", "17") is None
