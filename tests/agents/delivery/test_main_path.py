"""The steps of the delivery as they go when nothing fails, and over orderly and sudden restarts."""

import asyncio

import pytest

from streams.settings import Settings
from tests.support import batches
from tests.support.command import millrace
from tests.support.feed import pipeline, produce
from tests.support.store import Answers, exactly
from tests.support.wire import event, mixed


@pytest.mark.parametrize("windows", [True])
async def test_every_event_becomes_one_row_and_one_family_row(ready: Settings, ask: Answers) -> None:
    await produce(ready, mixed(500))
    async with pipeline(ready):
        await exactly(ask, 500)
    assert await ask.count("dead_letters") == 0


async def test_bad_events_become_dead_letters_with_their_bytes(ready: Settings, ask: Answers) -> None:
    topic, value = event("booking.created", 1, seats=-5)
    _, early = event("booking.created", 2, ago=-3600)
    await produce(
        ready, [(topic, 0, value), (topic, 0, b"\xff{"), (topic, 0, early), ("rides.trip", 0, value), *mixed(50)]
    )
    async with pipeline(ready):
        await exactly(ask, 50)
    found = await ask.rows("SELECT reason, topic, offset, value FROM dead_letters ORDER BY topic, offset")
    assert [row[:3] for row in found] == [
        ("invalid", "rides.booking", 0),
        ("malformed", "rides.booking", 1),
        ("in_future", "rides.booking", 2),
        ("wrong_topic", "rides.trip", 0),
    ]
    assert await ask.one("SELECT hex(value) FROM dead_letters WHERE reason = 'malformed'") == "FF7B"


@pytest.mark.long
async def test_a_header_name_that_is_no_text_makes_a_dead_letter_with_its_bytes(ready: Settings, ask: Answers) -> None:
    topic, good = event("booking.created", 1)
    await batches.send(
        ready, topic, [(b"k", good, [("a", b"1"), ("x\udcff", None)]), (None, event("booking.created", 2)[1], [])]
    )
    async with pipeline(ready):
        await exactly(ask, 1)
        shown = (await millrace(ready, "dlq", "show", f"{topic}:0:0", "--json")).json
        assert shown["message"] == "Header x\\xff should have a name in UTF-8"
        assert (shown["value"], shown["headers"]) == (good.decode(), [["a", "1", "utf-8"], ["x\\xff", None, None]])
        (row,) = await ask.rows("SELECT reason, arrayMap(h -> hex(h.1), headers), null_headers FROM dead_letters")
        assert row == ("malformed", [b"a".hex(), b"x\xff".hex().upper()], [1])
        sent = (await millrace(ready, "dlq", "replay", f"{topic}:0:0", "--json")).json
        assert sent["sent"] == 1, sent
        await exactly(ask, 2)
    async with pipeline(ready) as again:  # a recovery reads them too
        await produce(ready, mixed(10, first=10))
        await exactly(ask, 12)
        assert not [shard.problem for shard in again.shards.values() if shard.problem]
    assert await ask.count("dead_letters") == 1


async def test_a_closed_shard_leaves_nothing_to_deliver_again(ready: Settings, ask: Answers) -> None:
    await produce(ready, mixed(100))
    async with pipeline(ready):
        await exactly(ask, 100)
    async with pipeline(ready) as second:
        assert all(
            shard.proposer.chain.last is None or shard.proposer.last.is_empty for shard in second.shards.values()
        )
        await produce(ready, mixed(100, first=100))
        await exactly(ask, 200)


async def test_a_crash_leaves_one_copy_of_every_row(ready: Settings, ask: Answers) -> None:
    await produce(ready, mixed(1000))
    for _ in range(3):
        async with pipeline(ready) as worker:
            await asyncio.sleep(0.3)
            worker.crash()
    async with pipeline(ready):
        await exactly(ask, 1000)


async def test_r12_a_repeated_event_is_dropped_also_after_a_restart(ready: Settings, ask: Answers) -> None:
    records = mixed(200)
    await produce(ready, records + records[:50])
    async with pipeline(ready):
        await exactly(ask, 200)
    await produce(ready, records)  # R12: the memory is rebuilt from ClickHouse
    async with pipeline(ready):
        await produce(ready, mixed(10, first=1000))
        await exactly(ask, 210)
