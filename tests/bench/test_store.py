"""What benchmarks ask of a store: every question is answered, without caches, and what it read is known."""

import doctest
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from bench import indexes, keys, query, ranks, states, uncached, volume
from clickhouse.client import connect_sync
from clickhouse.metrics import answer
from clickhouse.metrics.route import Limits
from streams.errors import ConfigurationError
from streams.events.domains import RIDES, TICKETING
from streams.settings import Settings
from tests.support.aged import aged, count, put
from tests.support.store import Answers

EVENTS = 190
FAMILIES = {  # question of bench/queries: where somebody is whom it can be about
    "bookings_cancelled": "",
    "driver_pings": "SELECT any(driver_id) AS driver FROM location_events",
    "driver_trips": "SELECT any(driver_id) AS driver FROM trip_events WHERE event_type = 'trip.completed'",
    "event_sales": "SELECT any(ticketed_event_id) AS ticketed_event FROM ticket_sales",
    "payments_failed": "",
    "visit_pages": "SELECT any(session_id) AS session FROM page_views",
}
SETTINGS = "SELECT Settings FROM system.query_log WHERE type = 'QueryFinish' AND log_comment = {said:String}"


@pytest.fixture
def client(ready: Settings) -> Iterator[Client]:
    """A client of a database with some events of both domains of now."""
    client = connect_sync(ready)
    put(client, ready, aged(EVENTS, 0, RIDES), "rides")
    put(client, ready, aged(EVENTS, 0, TICKETING), "ticketing")
    yield client
    client.close()


@pytest.mark.parametrize("module", [ranks, keys], ids=lambda module: module.__name__)
def test_examples_are_true(module: Any) -> None:
    failed, tried = doctest.testmod(module)
    assert tried
    assert not failed


def test_there_is_no_percentile_of_nothing() -> None:
    with pytest.raises(ValueError, match="no 95% percentile of nothing"):
        ranks.percentile([], 0.95)


def test_questions_about_families_find_their_rows(client: Client) -> None:
    until = datetime.now(UTC) + timedelta(minutes=1)
    for name, whom in FAMILIES.items():
        found = (client.query(whom).first_item or {}) if whom else {}
        sql = query.questions()[name]
        given = {"since": until - timedelta(days=1), "until": until, **found}
        assert client.query(sql, parameters=given).result_rows, name
        [table] = set(keys.FROM.findall(sql))
        with keys.copied(client, table) as orders:
            assert orders["own"] != orders["other"]
            asked = keys.asked(client, name, sql, [given], uncached.new_run("keys"))
        assert asked["own"]["read_rows"] > 0


async def test_a_metric_is_asked_without_caches_and_its_reading_is_known(client: Client, ask: Answers) -> None:
    run = uncached.new_run("metrics")
    for number in range(3):
        uncached.mark(ask.client, uncached.comment(run, "rows", number))
        for _ in range(2):  # a question has more than one statement
            await answer.run(ask.client, "SELECT count() FROM events WHERE NOT ignore(*)", {}, Limits(1_000_000, 5))

    read = await uncached.read(ask.client, run)

    assert read["rows"]["read_rows"] == 2 * EVENTS
    assert read["rows"]["read_bytes"] > EVENTS
    said = {"said": uncached.comment(run, "rows", 0)}
    [settings, _] = [row[0] for row in client.query(SETTINGS, parameters=said).result_rows]
    assert settings["use_query_condition_cache"] == "0"
    assert settings["max_rows_to_read"] == "1000000", "the product's own limits hold beside"


async def test_indexes_and_projection_are_asked_with_and_without(client: Client, ready: Settings) -> None:
    client.command("SYSTEM STOP MERGES events_raw")  # an index tells parts apart; so few rows have one granule in each
    put(client, ready, aged(EVENTS, 0, RIDES, seed=8), "more", first=1000)

    found = await indexes.measure(ready, 1, random.Random(1))

    assert found["rows"] == 2 * EVENTS
    assert set(found["index_bytes"]) == {"by_ingested_at", "by_occurred_at", "by_offset"}
    for name, each in found["indexes"].items():
        assert 0 < each["with"]["read_rows"] <= each["without"]["read_rows"], name
    of_intent = found["indexes"]["offsets of one intent that are there"]
    assert of_intent["with"]["read_rows"] < of_intent["without"]["read_rows"]
    assert found["projection"]["with"]["bytes"] > found["projection"]["without"]["bytes"]
    assert found["projection"]["with"]["insert_cpu_ms"] > 0
    assert not client.query("SHOW TABLES LIKE 'bench_%'").result_rows


def test_a_store_is_weighed_again_and_that_of_another_run_is_refused(client: Client) -> None:
    known: dict[str, Any] = {
        "events": 2 * EVENTS,
        "days": 1,
        "events_per_second": 7,
        "tables": {"events": {"json": 10**9, "rows": 1}, "gone": {"rows": 5}},
        "parts": {"events": {"made": 99}},
    }

    found = volume.again(client, known)

    assert (found["days"], found["events_per_second"]) == (1, 7)
    assert found["tables"]["events"]["rows"] == count(client, "events") == EVENTS
    assert found["tables"]["events"]["ratio"] == round(10**9 / found["tables"]["events"]["bytes"], 2)
    assert "gone" not in found["tables"]
    assert found["parts"] == known["parts"], "that server's log is gone"
    assert volume.made_parts(client)["events"]["made"] >= 1
    with pytest.raises(ConfigurationError, match=f"the store holds {2 * EVENTS} events, .* of a run of 9:"):
        volume.again(client, known | {"events": 9})


@pytest.mark.faults
def test_every_way_to_keep_a_state_is_written_and_read(client: Client) -> None:
    found = states.measure(client, 300)

    assert list(found) == [way.name for way in states.WAYS]
    assert all(each["states"] and each["write_us"] and each["read_ms"] for each in found.values())
    by_type, together = (found[way.name]["states"] for way in states.WAYS if way.events is states.PEOPLE)
    assert together < by_type
