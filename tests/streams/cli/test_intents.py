"""`millrace batches`, `intents` and `topics check` on a real broker and ClickHouse."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from agents.log import IntentLog
from agents.repair.parts import members, opened
from streams.cli import topics
from streams.settings import Settings
from tests.support.command import millrace, millrace_with
from tests.support.feed import pipeline, produce
from tests.support.store import Answers, exactly
from tests.support.wire import mixed

pytestmark = pytest.mark.slow


async def test_the_audit_trail_tells_what_every_batch_delivered(ready: Settings, ask: Answers) -> None:
    records = mixed(60)
    await produce(ready, [*records, records[0], ("rides.booking", 0, b"bad")])
    async with pipeline(ready):
        await exactly(ask, 60)
    async with opened(ready) as parts:
        # A competing owner's record, and something that is no record.
        log = parts.log(0)
        await log.open()
        first = [value async for offset, value in _values(log) if offset == 0]
        await log.append(first[0] or b"")
        await log.append(b"noise")
        await log.close()
    trail, shown, raw, people, away = await asyncio.gather(
        millrace(ready, "batches", "--verify", "--json"),
        millrace(ready, "intents", "show", "--shard", "0", "--json"),
        millrace(ready, "intents", "show", "--shard", "0", "--raw", "--from", "1"),
        millrace(ready, "batches"),
        millrace(ready, "intents", "show", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1"),
    )
    lines = trail.json
    assert trail.code == 0
    kinds = [line["kind"] for line in lines if line["shard"] == 0]
    assert (kinds[0], kinds[-1]) == ("begin", "close")
    assert {line["state"] for line in lines} == {"held", "delivered"}
    assert sum(line["rows"].get("events_raw", 0) + line["rows"].get("events", 0) for line in lines) == 60
    assert sum(line["rows"].get("dead_letters", 0) for line in lines) == 1
    assert sum(line["verdict"].get("duplicate", 0) for line in lines) == 1
    assert sum(line["verdict"].get("malformed", 0) for line in lines) == 1
    assert sum(line["records"] for line in lines) == 62
    entries = shown.json
    assert [entry["valid"] for entry in entries] == [True] * (len(entries) - 2) + [False] * 2
    assert "already stands" in entries[-2]["why"]
    assert entries[-1]["record"] == "noise"
    assert raw.out.splitlines()[-1].split("\t") == ["0", str(entries[-1]["offset"]), "void", "noise"]
    assert len(raw.out.splitlines()) == len(entries) - 1
    assert "in ClickHouse" in people.out
    assert away.code == 1
    assert "millrace: the log of intents, partition 0 of intents, cannot be read: KafkaConnectionError. Is" in away.err
    assert "KAFKA_BOOTSTRAP_SERVERS its address?" in away.err

    await ask.client.command("ALTER TABLE events_raw DELETE WHERE shard = 1 SETTINGS mutations_sync = 2")
    missing = await millrace(ready, "batches", "--verify", "--json", "--shard", "1")
    assert missing.code == 1
    assert "missing" in {line["state"] for line in missing.json}


@pytest.mark.long
async def test_a_repair_is_only_told_unless_it_is_wanted(ready: Settings, ask: Answers) -> None:
    await produce(ready, mixed(40))
    async with pipeline(ready):
        await exactly(ask, 40)
    fine = await millrace(ready, "intents", "repair")
    assert (fine.code, fine.out.count("the log is whole; nothing to repair")) == (0, 2)
    anew = {"KAFKA_INTENTS_TOPIC": "intents-anew"}
    await topics.create(ready.model_copy(update={"kafka_intents_topic": "intents-anew"}))
    told, as_json, wrong = await asyncio.gather(
        millrace(ready, "intents", "repair", **anew),
        millrace(ready, "intents", "repair", "--json", **anew),
        millrace(ready, "intents", "repair", "--shard", "7", **anew),
    )
    assert told.code == 0, told.err
    assert "Nothing was changed" in told.out
    assert "would begin a new chain" in told.out
    plans = as_json.json
    assert [(plan["needed"], plan["lost"]) for plan in plans["shards"]] == [(True, 0)] * 2
    assert not plans["done"]
    assert "they are 0 to 1" in wrong.err
    assert await ask.count("chain_repairs") == 0


@pytest.mark.long
async def test_a_repair_is_carried_out_under_a_hold(ready: Settings, ask: Answers) -> None:
    await produce(ready, mixed(40))
    async with pipeline(ready):
        await exactly(ask, 40)
    anew = ready.model_copy(update={"kafka_intents_topic": "intents-anew", "kafka_forgets": False})
    await topics.create(anew)
    assert await members(anew) == []
    short = {"KAFKA_INTENTS_TOPIC": "intents-anew", "BATCH_AGE_SECONDS": "0", "BATCH_SETTLE_SECONDS": "0"}
    # As long the command waits for workers that have not seen the hold.
    blind, started = {"agents.gate.BLIND_SECONDS": 3.0}, time.monotonic()
    done = await millrace_with(blind, ready, "intents", "repair", "--yes", "--json", "--note", "drill", **short)
    assert time.monotonic() - started > 3
    assert done.json["done"], done.err
    assert await ask.rows("SELECT shard, note FROM chain_repairs ORDER BY shard") == [(0, "drill"), (1, "drill")]
    assert await ask.rows("SELECT held FROM holds FINAL") == [(0,)]
    async with pipeline(anew):
        await produce(ready, mixed(20, first=100))
        await exactly(ask, 60)


async def test_topics_are_checked(settings: Settings) -> None:
    missing = await millrace(settings, "topics", "check")
    assert missing.code == 1
    assert "millrace topics create" in missing.err
    made, again = (await millrace(settings, "topics", "create")), (await millrace(settings, "topics", "create"))
    assert ("created intents" in made.out, again.out) == (True, "all topics exist\n")
    fine, wrong = await asyncio.gather(
        millrace(settings, "topics", "check"), millrace(settings, "topics", "check", KAFKA_PARTITIONS="3")
    )
    assert fine.code == 0, fine.err
    assert "KAFKA_PARTITIONS=3" in wrong.err


async def _values(log: IntentLog) -> AsyncIterator[tuple[int, bytes | None]]:
    log.seek(0)
    async for offset, value in log.read_to((await log.bounds())[1]):
        yield offset, value
