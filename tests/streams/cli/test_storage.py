"""`millrace storage`: sizes as ClickHouse tells them, and JSON bytes as they stand in Kafka."""

import json

import pytest

from streams.settings import Settings
from streams.topics import raw_table
from tests.support.command import millrace
from tests.support.feed import pipeline, produce
from tests.support.store import Answers, exactly
from tests.support.wire import event, mixed

pytestmark = pytest.mark.slow


async def test_the_ratio_is_that_of_what_was_sent(ready: Settings, ask: Answers) -> None:
    records = mixed(300)
    await produce(ready, [*records, ("rides.trip", 0, b"no event"), ("rides.trip", 1, b'{"type": ["no text"]}')])
    async with pipeline(ready):
        await exactly(ask, 300)
    compact = await millrace(ready, "storage", "--table", "events", "--newest", "0")
    assert "compact parts only" in compact.err
    await ask.client.command(
        "ALTER TABLE events MODIFY SETTING min_bytes_for_wide_part = 0, min_rows_for_wide_part = 0"
    )
    await ask.client.command("OPTIMIZE TABLE events FINAL")
    done = await millrace(ready, "storage", "--json")
    tables = {each["table"]: each for each in done.json["tables"]}
    for name in ("events_raw", "events"):
        sent = [value for topic, _, value in records if value is not None and raw_table(topic) == name]
        assert tables[name]["rows"] == len(sent)
        assert tables[name]["json"] == sum(map(len, sent))
        assert tables[name]["unweighed"] == []
        parts = f"FROM system.parts WHERE active AND database = currentDatabase() AND table = '{name}'"
        assert tables[name]["on_disk"] == await ask.one(f"SELECT sum(bytes_on_disk) {parts}")
        assert tables[name]["ratio"] == pytest.approx(sum(map(len, sent)) / tables[name]["on_disk"], abs=0.01)
    assert tables["trip_events"]["json"] is None
    columns = [each for each in done.json["columns"] if each["table"] == "events"]
    assert {"event_id", "occurred_at"} <= {each["name"] for each in columns}
    shown = await millrace(ready, "storage", "--table", "events", "--newest", "0")
    assert "event_id" in shown.out
    assert "ZSTD" in shown.out
    wrong = await millrace(ready, "storage", "--table", "evens", "--newest", "0")
    assert wrong.code == 1
    assert "no such table holds rows" in wrong.err


async def test_types_without_a_record_in_kafka_are_left_out(ready: Settings, ask: Answers) -> None:
    await produce(ready, mixed(60))
    trips = [event("trip.completed", number) for number in range(1000, 1100)]
    await produce(ready, [(topic, number % 2, value) for number, (topic, value) in enumerate(trips)])
    async with pipeline(ready):
        await exactly(ask, 160)
    done = await millrace(ready, "storage", "--newest", "20", "--json")
    (raw,) = (each for each in done.json["tables"] if each["table"] == "events_raw")
    assert "trip.completed" not in raw["unweighed"]
    assert "trip.started" in raw["unweighed"]
    assert raw["json"] < 160 * len(json.dumps(trips[0][1].decode()))
    people = await millrace(ready, "storage", "--newest", "20")
    assert "trip.started" in people.err
