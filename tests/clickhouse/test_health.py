"""Drift and health: each difference is named, each check says what it finds, and all of them can fail."""

import time
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from clickhouse_connect.driver.client import Client

from clickhouse import cluster, drift, health, structure
from clickhouse.health import Status
from clickhouse.report import Report, Sample, Server, facts, markdown
from streams.settings import Settings
from tests.support.waiting import until

DRIFTED = {
    "ALTER TABLE events ADD COLUMN mine UInt8": ["events.mine is not one of ours"],
    "ALTER TABLE holds MODIFY COLUMN held UInt16": ["holds.held is `UInt16`, not `UInt8`"],
    "DROP TABLE repairs": ["repairs is missing"],
    "CREATE TABLE mine (x UInt8) ENGINE = Null": ["mine is not one of ours"],
    "ALTER TABLE events MODIFY SETTING non_replicated_deduplication_window = 5": [
        "events lacks `SETTINGS",
        "events has `SETTINGS",
    ],
    "DROP TABLE holds; CREATE TABLE holds (`name` String, `reason` String, `held` UInt8, "
    "`at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')) ENGINE = MergeTree ORDER BY name "
    "SETTINGS default_compression_codec = 'ZSTD(1)'": [
        "holds lacks `ENGINE = ReplacingMergeTree(at)`",
        "holds has `ENGINE = MergeTree`",
    ],
    "ALTER TABLE page_views_mv MODIFY QUERY SELECT event_type FROM {d}.events": ["page_views_mv"],
}


@pytest.mark.parametrize("change", DRIFTED, ids=lambda change: change[:50])
def test_every_difference_is_named(change: str, client: Client, store: Settings) -> None:
    database = store.clickhouse_database
    for sql in change.replace("{d}", database).split("; "):
        client.command(sql)

    found = drift.drift(structure.dump(client, database), database)

    assert len(found) >= len(DRIFTED[change])
    assert all(line.startswith(wanted) for wanted, line in zip(DRIFTED[change], found, strict=False)), found


def test_what_follows_the_settings_and_who_made_a_view_are_no_drift(client: Client, store: Settings) -> None:
    database = store.clickhouse_database
    client.command("ALTER TABLE events MODIFY TTL toDate(occurred_at) + INTERVAL 30 DAY")
    client.command("ALTER TABLE events MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1")
    live = structure.dump(client, database).replace(
        "\nAS SELECT", "\nDEFINER = millrace_migrate SQL SECURITY DEFINER\nAS SELECT"
    )

    assert drift.drift(live, database) == []


def test_a_cluster_is_held_to_its_own_form() -> None:
    single = drift.STRUCTURE.read_text("utf-8")
    made = [sql for sql in cluster.schema(single, "m", "prod") if " m." in sql.partition("\n")[0]]
    live = ";\n".join(sql.replace(" ON CLUSTER prod", "") for sql in made if "DATABASE" not in sql)

    assert drift.drift(live.partition(";\nCREATE OR REPLACE")[0], "m", "prod") == []
    assert "events lacks `ENGINE = ReplicatedMergeTree" in "\n".join(drift.drift(single, "m", "prod"))


def words(client: Client, store: Settings) -> dict[str, Status]:
    return {check.name: check.status for check in health.look(client, store)}


def test_a_fresh_database_is_well(client: Client, store: Settings) -> None:
    checks = health.look(client, store)

    assert {check.name for check in checks} == set(health.CHECKS)
    assert [check for check in checks if check.status is Status.FAILED] == []
    assert words(client, store)["views"] is Status.OK


def test_a_full_partition_is_told(client: Client, store: Settings) -> None:
    client.command("SYSTEM STOP MERGES holds")
    for number in range(4):
        client.command(f"INSERT INTO holds (name) VALUES ('{number}')", settings={"async_insert": 0})

    soft = store.model_copy(update={"batch_parts_soft_limit": 3})
    assert (words(client, soft)["parts"], words(client, store)["parts"]) == (Status.WARNING, Status.OK)


def test_a_stuck_mutation_is_told_with_its_reason(client: Client, store: Settings) -> None:
    client.command("INSERT INTO holds (name) VALUES ('x')", settings={"async_insert": 0})
    client.command("ALTER TABLE holds UPDATE held = toUInt8(throwIf(1)) WHERE 1", settings={"mutations_sync": 0})

    until("the mutation to fail", lambda: words(client, store)["mutations"] is Status.FAILED, 20)
    (check,) = [check for check in health.look(client, store) if check.name == "mutations"]
    assert "1 stuck; holds: " in check.detail


def test_a_view_without_its_target_is_told(client: Client, store: Settings) -> None:
    client.command("ALTER TABLE page_views DROP COLUMN url")
    client.command("DROP TABLE ticket_sales")

    (check,) = [check for check in health.look(client, store) if check.name == "views"]

    assert check.status is Status.FAILED
    assert "page_views_mv: its target page_views lacks url" in check.detail
    assert "ticket_sales_mv: its target ticket_sales is missing" in check.detail


def test_a_cluster_without_a_replicated_table_is_told(client: Client, store: Settings) -> None:
    assert words(client, store.model_copy(update={"clickhouse_cluster": "c"}))["replication"] is Status.FAILED


def test_a_clock_that_is_off_is_told(client: Client, store: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for off, status in ((0, Status.OK), (30, Status.WARNING), (-90, Status.FAILED)):
        shifted = SimpleNamespace(monotonic=time.monotonic, time=lambda off=off: time.time() + off)
        monkeypatch.setattr(health, "time", shifted)
        assert words(client, store)["clock"] is status


def test_a_question_that_is_refused_is_a_failed_check(client: Client, store: Settings) -> None:
    client.set_client_setting("max_result_rows", 1)

    found = {check.name: check for check in health.look(client, store)}

    assert found.keys() == health.CHECKS.keys()
    assert found["views"].status is Status.FAILED
    assert found["views"].detail.startswith("could not be asked: ")


def test_the_report_names_what_to_mend() -> None:
    check = health.Check("disk | space", Status.FAILED, "hot 1% free")
    server = Server(
        "h:1", [check], ["t is missing"], [{"name": "t", "engine": "E", "rows": 1000, "bytes": 1, "parts": 1}]
    )
    made = Report(datetime(2026, 3, 1, tzinfo=UTC), "m", None, 3, [server], Sample(10, 9, 8, 1.5))

    assert facts(made)["ok"] is False
    assert facts(made)["faults"] == [
        "h:1: t is missing",
        "h:1: disk | space: hot 1% free",
        "8 of 9 rows of the sample have arrived",
    ]
    page = markdown(made)
    assert page.startswith("# ClickHouse setup: 3 to mend\n")
    assert "| disk \\| space | **FAILED** | hot 1% free |" in page
    assert "| t | E | 1,000 | 1 | 1 |" in page
