"""`millrace dlq` as people and scripts use it, on a real broker and ClickHouse, beside real shards."""

import asyncio
import json
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from pydantic import SecretStr

from streams.settings import Settings
from tests.support.command import millrace
from tests.support.feed import pipeline, produce
from tests.support.store import Answers, exactly
from tests.support.waiting import eventually
from tests.support.wire import event, mixed

pytestmark = pytest.mark.slow


async def dead(ask: Answers, count: int) -> None:
    """Wait for so many dead letters."""

    async def there() -> bool:
        return await ask.count("dead_letters") == count

    await eventually(f"{count} dead letters", there, 30)


async def records(settings: Settings, topic: str, partition: int) -> list[Any]:
    """All records of a partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka_bootstrap_servers, enable_auto_commit=False)
    await consumer.start()
    try:
        tp = TopicPartition(topic, partition)
        consumer.assign([tp])
        consumer.seek(tp, 0)
        found: list[Any] = []
        while page := (await consumer.getmany(tp, timeout_ms=1000)).get(tp):
            found += page
        return found
    finally:
        await consumer.stop()


async def test_letters_are_listed_shown_edited_replayed_and_discarded(
    ready: Settings, ask: Answers, tmp_path: Path, metadata_url: str
) -> None:
    ready = ready.model_copy(update={"database_url": SecretStr(metadata_url)})
    topic, bad = event("booking.created", 1, seats=-5)
    _, early = event("booking.created", 2, ago=-3600)
    strange = b"\xff{'`\"\n"
    await produce(ready, [(topic, 0, bad), (topic, 0, strange), (topic, 1, early), *mixed(20)])
    async with pipeline(ready):
        await exactly(ask, 20)
        await dead(ask, 3)
        listed = (await millrace(ready, "dlq", "list", "--json")).json
        facts = ("reason", "field", "state", "schema_version")
        assert {row["id"].split("@")[0]: tuple(row[fact] for fact in facts) for row in listed} == {
            "rides.booking:0:0": ("invalid", "data.seats", "open", 1),
            "rides.booking:0:1": ("malformed", "", "open", None),
            "rides.booking:1:0": ("in_future", "time", "open", 1),
        }
        causes = (await millrace(ready, "dlq", "list", "--by-cause", "--json", "--since", "1h")).json
        assert {(c["reason"], c["event_type"], c["count"], c["open"]) for c in causes} == {
            ("invalid", "booking.created", 1, 1),
            ("in_future", "booking.created", 1, 1),
            ("malformed", "", 1, 1),
        }
        filtered = await millrace(ready, "dlq", "list", "--json", "--reason", "invalid", "--type", "booking.created")
        assert [row["field"] for row in filtered.json] == ["data.seats"]
        assert (await millrace(ready, "dlq", "list", "--json", "--field", "it's `x`")).json == []
        people = await millrace(ready, "dlq", "list")
        assert "3 of 3 dead letters (3 open)" in people.out

        shown = (await millrace(ready, "dlq", "show", "rides.booking:0:1", "--json")).json
        assert (shown["value"], shown["value_encoding"]) == (strange.hex(), "hex")
        assert "schema version  unknown\n" in (await millrace(ready, "dlq", "show", "rides.booking:0:1")).out
        shown = (await millrace(ready, "dlq", "show", "rides.booking:0:0", "--json")).json
        assert (shown["value"], shown["value_encoding"]) == (bad.decode(), "utf-8")

        refused = await millrace(ready, "dlq", "replay")
        assert refused.code == 1
        assert "say which dead letters" in refused.err
        dry = (await millrace(ready, "dlq", "replay", "--all", "--dry-run", "--json")).json
        assert [(entry["sent"], entry["attempt"]) for entry in dry["send"]] == [(False, 1)] * 3
        kept = (await millrace(ready, "dlq", "replay", "--all", "--json")).json
        assert (kept["sent"], kept["still_refused"]) == (0, 3)

        mended = await millrace(ready, "dlq", "replay", "rides.booking:0:0", "--set", "data.seats=3", "--json")
        assert mended.json["sent"] == 1, mended
        await exactly(ask, 21)
        assert await ask.rows("SELECT seats FROM booking_events WHERE event_type = 'booking.created' AND seats = 3")
        assert (await ask.one("SELECT event_id FROM events_raw WHERE event_id = 'booking.created-1'")) is not None
        history = (await millrace(ready, "dlq", "show", "rides.booking:0:0", "--json")).json["history"]
        assert [(line["kind"], line["phase"], line["edited"], line["attempt"]) for line in history] == [
            ("replay", "begun", True, 1),
            ("replay", "done", True, 1),
        ]
        assert json.loads(history[1]["value"])["data"]["seats"] == 3
        twice = await millrace(ready, "dlq", "replay", "rides.booking:0:0", "--set", "data.seats=3")
        assert twice.code == 1
        assert "is replayed" in twice.err

        gone = await millrace(ready, "dlq", "discard", "rides.booking:0:1", "--because", "noise", "--json")
        assert gone.json["discarded"] == 1
        acts = (await millrace(ready, "audit", "list", "--json")).json
        assert [(act["action"], act["outcome"]) for act in acts] == [
            ("letters.discard", "done"),
            ("letters.replay", "failed"),
            ("letters.replay", "done"),
            ("letters.replay", "done"),
        ]
        assert acts[0]["parameters"]["because"] == "noise"
        assert (acts[2]["parameters"]["edited"], acts[2]["figures"]) == (True, {"sent": 1})
        assert "data.seats" not in str(acts)
        states = (await millrace(ready, "dlq", "list", "--state", "any", "--json")).json
        assert sorted((row["id"].split("@")[0], row["state"]) for row in states) == [
            ("rides.booking:0:0", "replayed"),
            ("rides.booking:0:1", "discarded"),
            ("rides.booking:1:0", "open"),
        ]

        editor = tmp_path / "editor"
        editor.write_text(f"""#!/bin/sh\nsed -i 's/"time":"[^"]*"/"time":"{datetime.now(UTC).isoformat()}"/' "$1"\n""")
        editor.chmod(0o755)
        unchanged = await millrace(ready, "dlq", "replay", "rides.booking:1:0", "--edit", EDITOR="true")
        assert "nothing was changed" in unchanged.err
        edited = await millrace(ready, "dlq", "replay", "rides.booking:1:0", "--edit", "--json", EDITOR=str(editor))
        assert edited.json["sent"] == 1, edited
        await exactly(ask, 22)


Parts = tuple[bytes | None, bytes | None, bytes | None]
NOTHING: Parts = (None, None, None)
EMPTY: Parts = (b"", b"", b"")


@pytest.mark.long
async def test_nothing_and_empty_are_told_apart_from_the_letter_to_its_replay(ready: Settings, ask: Answers) -> None:
    def parts(record: Any) -> Parts:
        return record.key, record.value, dict(record.headers)["trace"]

    async with AIOKafkaProducer(bootstrap_servers=ready.kafka_bootstrap_servers) as producer:
        for key, value, header in (NOTHING, EMPTY):
            batch = producer.create_batch()  # `send` takes no record without key and value
            batch.append(timestamp=None, key=key, value=value, headers=[("a", b"1"), ("trace", header)])
            await (await producer.send_batch(batch, "rides.booking", partition=0))
    async with pipeline(ready):
        await dead(ask, 2)
        sent = (await millrace(ready, "dlq", "replay", "--all", "--anyway", "--json")).json
        assert sent["sent"] == 2, sent
        await dead(ask, 4)
    assert [parts(record) for record in await records(ready, "rides.booking", 0)] == [NOTHING, EMPTY] * 2
    letters = {dict(r.headers)["millrace-offset"]: r for n in (0, 1) for r in await records(ready, "dead-letters", n)}
    for offset, (key, value, header) in enumerate([NOTHING, EMPTY] * 2):
        letter = letters[b"%d" % offset]
        headers = dict(letter.headers)
        assert (headers.get("millrace-key"), letter.value, headers["trace"]) == (key, value, header)
        shown = (await millrace(ready, "dlq", "show", f"rides.booking:0:{offset}", "--json")).json
        said = None if value is None else "utf-8"
        assert (shown["key_encoding"], shown["value_encoding"], shown["headers"][1][2]) == (said, said, said)
    for offset, word in enumerate(("null", "empty")):
        text = (await millrace(ready, "dlq", "show", f"rides.booking:0:{offset}")).out
        assert all(f"{part} ({word})" in text for part in ("key", "value", "header")), text


@pytest.mark.long
async def test_a_record_that_fails_again_does_not_go_round(ready: Settings, ask: Answers) -> None:
    await produce(ready, [("rides.booking", 0, b"one"), ("rides.booking", 0, b"two"), ("rides.booking", 1, b"three")])
    async with pipeline(ready):
        await dead(ask, 3)
        first = (await millrace(ready, "dlq", "replay", "--all", "--anyway", "--rate", "50", "--json")).json
        assert first["sent"] == 3
        await dead(ask, 6)
        again = (await millrace(ready, "dlq", "replay", "--all", "--anyway", "--json")).json
        assert (again["sent"], again["left"]) == (0, {"open": 3})
        for attempt in (2, 3):
            more = (await millrace(ready, "dlq", "replay", "--all", "--anyway", "--again", "--json")).json
            assert more["sent"] == 3
            await dead(ask, 3 + 3 * attempt)
        last = (await millrace(ready, "dlq", "replay", "--all", "--anyway", "--again", "--json")).json
        assert last["sent"] == 0  # three replays are the most
    listed = (await millrace(ready, "dlq", "list", "--state", "any", "--json")).json
    assert sorted(row["attempt"] for row in listed) == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3
    letters = [dict(record.headers) for n in (0, 1) for record in await records(ready, "dead-letters", n)]
    assert sorted(int(h.get("millrace-replay-attempt", 0)) for h in letters) == sorted(r["attempt"] for r in listed)
    assert {h["millrace-replay-origin"].split(b"@")[0] for h in letters if "millrace-replay-origin" in h} == {
        b"rides.booking:0:0",
        b"rides.booking:0:1",
        b"rides.booking:1:0",
    }


@pytest.mark.long
async def test_a_replay_that_dies_in_the_middle_says_so(ready: Settings, ask: Answers) -> None:
    _, early = event("booking.created", 1, ago=-3600)
    await produce(ready, [("rides.booking", 0, early), ("rides.booking", 1, b"x")])
    async with pipeline(ready):
        await dead(ask, 2)
    for kill, partition, sent in (("replay:before", 0, 0), ("replay:after", 1, 1)):
        name = f"rides.booking:{partition}:0"
        died = await millrace(ready, "dlq", "replay", name, "--anyway", WORKER_KILL_AT=kill)
        assert died.code == -signal.SIGKILL
        assert len(await records(ready, "rides.booking", partition)) == 1 + sent
        row = (await millrace(ready, "dlq", "show", name, "--json")).json
        assert row["state"] == "uncertain"
        refused = await millrace(ready, "dlq", "replay", name, "--anyway")
        assert "is uncertain" in refused.err
    by_filter = (await millrace(ready, "dlq", "replay", "--all", "--anyway", "--json")).json
    assert (by_filter["sent"], by_filter["left"]) == (0, {"uncertain": 2})
    taken_up = (await millrace(ready, "dlq", "replay", "--all", "--anyway", "--again", "--json")).json
    assert (taken_up["sent"], taken_up["left"]) == (2, {})


@pytest.mark.faults
async def test_two_commands_at_once_send_no_letter_twice(ready: Settings, ask: Answers) -> None:
    await produce(ready, [("rides.booking", n % 2, b"x%d" % n) for n in range(60)])
    async with pipeline(ready):
        await dead(ask, 60)
    words = ("dlq", "replay", "--all", "--anyway", "--json", "--rate", "200")
    done = [d.json for d in await asyncio.gather(*(millrace(ready, *words) for _ in range(3)))]
    found = [record.value for n in (0, 1) for record in await records(ready, "rides.booking", n)]
    sent = sum(d["sent"] for d in done)
    assert len(found) == 60 + sent
    assert max(found.count(value) for value in found) <= 2, done
