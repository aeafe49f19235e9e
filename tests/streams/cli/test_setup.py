"""`millrace clickhouse setup` as it is called: from nothing, again, on a drifted schema, with and without Kafka."""

import json
from pathlib import Path

import pytest

from clickhouse.client import connect_sync
from streams.cli.topics import create
from streams.settings import Settings
from tests.support.command import millrace
from tests.support.feed import pipeline


async def test_from_nothing_to_a_report(settings: Settings, tmp_path: Path) -> None:
    done = await millrace(settings, "clickhouse", "setup", "--json", "--report", str(tmp_path / "report.md"))

    assert done.code == 0, done.err + done.out
    report = done.json
    assert (report["ok"], report["faults"], report["cluster"], report["sample"]) == (True, [], None, None)
    (server,) = report["servers"]
    assert report["statements_executed"] > 0
    assert "events_raw" in {table["name"] for table in server["tables"]}
    assert {check["name"] for check in server["checks"]} >= {"disk space", "replication", "worker's preflight"}
    page = (tmp_path / "report.md").read_text()
    assert page.startswith("# ClickHouse setup: all is well")
    assert "| events_raw | MergeTree | 0 |" in page
    assert "| events_hourly_mv | MaterializedView |  |  |  |" in page

    again = await millrace(settings, "clickhouse", "setup", "--report", str(tmp_path / "report.json"))
    assert (again.code, "nothing was pending" in again.out) == (0, True)
    assert json.loads((tmp_path / "report.json").read_text())["statements_executed"] == 0


async def test_drift_is_named_and_ends_with_1(ready: Settings) -> None:
    client = connect_sync(ready)
    client.command("ALTER TABLE events DROP COLUMN results")
    client.close()

    done = await millrace(ready, "clickhouse", "setup", "--json")

    assert done.code == 1
    faults = "\n".join(done.json["faults"])
    assert "events.results is missing" in faults
    assert "worker's preflight: the tables do not fit the event classes: events.results" in faults


@pytest.mark.faults
async def test_a_sample_goes_through_kafka_and_the_worker(settings: Settings) -> None:
    await create(settings)
    alone = await millrace(settings, "clickhouse", "setup", "--sample", "40", "--wait", "0.5", "--json")
    assert (alone.code, alone.json["sample"]["arrived"]) == (1, 0)
    assert "0 of " in alone.json["faults"][0]

    async with pipeline(settings):
        done = await millrace(settings, "clickhouse", "setup", "--sample", "200", "--json")
    assert done.code == 0, done.out
    sample = done.json["sample"]
    assert sample["sent"] == 200
    assert 0 < sample["expected"] == sample["arrived"] <= 200


async def test_a_sample_without_a_broker_is_refused_in_words(ready: Settings) -> None:
    none = ready.model_copy(update={"kafka_bootstrap_servers": None, "kafka_forgets": False})

    done = await millrace(none, "clickhouse", "setup", "--sample", "5", MILLRACE_HOME="nowhere")

    assert done.code == 1
    assert "no sample was sent: KAFKA_BOOTSTRAP_SERVERS is not set" in done.out


async def test_a_server_that_is_not_there_is_one_message(settings: Settings) -> None:
    gone = settings.model_copy(update={"clickhouse_url": "http://127.0.0.1:1"})

    done = await millrace(gone, "clickhouse", "setup")

    assert (done.code, done.out) == (1, "")
    assert "Is CLICKHOUSE_URL right, is it running" in done.err
