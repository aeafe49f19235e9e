"""Publishing to a real Redis: older stamps are refused, repeats change nothing, a status tells what was sent."""

import secrets
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis

from tables.declared import declared
from tables.panes import Panes, Touched
from tables.publish import LINES, Answer, Publisher
from tables.wire import Status, encode_key, encode_states, pane_key, shard_key

CELLS = "rides.pings.by_cell"
START = 1_800_000_000 // 300 * 300


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    """A connection."""
    async with Redis.from_url(redis_url) as made:
        yield made


@pytest.fixture
def group() -> str:
    """One that nobody else has."""
    return f"test-{secrets.token_hex(6)}"


async def test_a_status_tells_when_everything_was_sent_again(client: Redis, group: str) -> None:
    async def epoch(publisher: Publisher, seq: int) -> str:
        assert await publisher.publish(seq, Status(as_of=1), {}, ())
        text = await client.hget(shard_key(group, 0), "status")
        return msgspec.json.decode(text or b"", type=Status).epoch

    one, other = (Publisher(client, group, Panes(0, declared, {})) for _ in range(2))
    first = await epoch(one, 1)
    assert first
    assert await epoch(one, 2) == first
    second = await epoch(other, 3)
    assert second != first
    await client.delete(shard_key(group, 0))  # Redis has forgotten, so all of it is sent again
    assert await epoch(other, 4) not in (first, second)


def filled(panes: Panes, lines: int, pings: int, seq: int) -> tuple[Touched, list[tuple[str, int]]]:
    """Count so many pings in each of so many cells, and tell what that changes."""
    for cell in range(1, lines + 1):
        panes.put(declared.slices[CELLS], START, {(cell,): [pings, {cell}, None]}, seq)
    return panes.take_changes()


async def stored(client: Redis, group: str) -> dict[bytes, Any]:
    """Everything that Redis has of a group."""
    found: dict[bytes, Any] = {}
    async for name in client.scan_iter(match=f"{group}:*"):
        is_hash = await client.type(name) == b"hash"
        found[name] = await client.hgetall(name) if is_hash else await client.smembers(name)
    return found


async def test_a_former_owner_cannot_set_the_numbers_back(client: Redis, group: str) -> None:
    former, owner = Panes(0, declared, {}), Panes(0, declared, {})
    changes = filled(former, lines=3, pings=1, seq=4)
    stalled = Publisher(client, group, former)
    assert await stalled.publish(4, Status(as_of=1), *changes)
    assert await Publisher(client, group, owner).publish(5, Status(as_of=2), *filled(owner, 3, pings=7, seq=5))
    before = await stored(client, group)

    assert not await stalled.publish(4, Status(as_of=3), *filled(former, 3, pings=1, seq=4))
    begins = Publisher(client, group, former)  # which sends everything, as after a restart
    assert not await begins.publish(4, Status(as_of=4), *changes)

    assert await stored(client, group) == before
    assert len(before[pane_key(group, declared.slices[CELLS], 0, START).encode()]) == 3


async def test_the_script_refuses_an_older_stamp_and_takes_the_same_again(client: Redis, group: str) -> None:
    panes = Panes(0, declared, {})
    publisher = Publisher(client, group, panes)
    changes = filled(panes, lines=2, pings=1, seq=5)
    assert await publisher.publish(5, Status(as_of=1), *changes)
    text = msgspec.json.encode(Status(as_of=1))
    assert publisher._calls == 1
    assert await publisher._call(4, text, []) is Answer.REFUSED
    assert await publisher._call(5, text, []) is Answer.DONE
    assert await publisher._call(6, text, []) is Answer.DONE
    assert await publisher._call(5, text, []) is Answer.REFUSED
    assert publisher._calls == 3
    publisher._calls = 0  # as one that begins
    assert await publisher._call(5, text, []) is Answer.REFUSED


def numbers(stored: dict[bytes, Any]) -> dict[bytes, Any]:
    """The same, but for what counts calls and tells the time."""
    return {
        name: {field: text for field, text in values.items() if field not in (b"calls", b"heard")}
        if isinstance(values, dict)
        else values
        for name, values in stored.items()
    }


async def test_all_is_sent_again_to_a_redis_that_has_lost_the_newest(client: Redis, group: str) -> None:
    """It was started again from an old copy of its data: the shard is known, and the panes are those of then."""
    panes = Panes(0, declared, {})
    publisher = Publisher(client, group, panes)
    assert await publisher.publish(5, Status(as_of=1), *filled(panes, lines=2, pings=1, seq=5))
    copy = {name: await client.dump(name) for name in await stored(client, group)}
    assert await publisher.publish(6, Status(as_of=2), *filled(panes, lines=3, pings=1, seq=6))
    before = numbers(await stored(client, group))
    for name, content in copy.items():
        await client.restore(name, 0, content or b"", replace=True)
    assert len((await stored(client, group))[pane_key(group, declared.slices[CELLS], 0, START).encode()]) == 2

    assert await publisher.publish(6, Status(as_of=2), {}, [])
    after = numbers(await stored(client, group))
    name = pane_key(group, declared.slices[CELLS], 0, START).encode()
    assert (len(after[name]), after[name]) == (3, before[name])


async def test_it_is_told_when_a_shard_was_heard_of_by_the_clock_of_redis(client: Redis, group: str) -> None:
    assert await Publisher(client, group, Panes(0, declared, {})).publish(1, Status(as_of=1), {}, ())
    heard = int(await client.hget(shard_key(group, 0), "heard") or 0)
    seconds, micros = await client.time()
    assert 0 <= seconds + micros / 1e6 - heard / 1000 < 60


async def test_a_repeat_changes_nothing(client: Redis, group: str) -> None:
    panes = Panes(0, declared, {})
    publisher = Publisher(client, group, panes)
    changes = filled(panes, lines=3, pings=2, seq=5)
    assert await publisher.publish(5, Status(as_of=1), *changes)
    before = await stored(client, group)
    assert await publisher.publish(5, Status(as_of=1), *changes)
    assert numbers(await stored(client, group)) == numbers(before)


async def test_more_lines_than_a_call_takes_are_all_there(client: Redis, group: str) -> None:
    panes = Panes(0, declared, {})
    publisher = Publisher(client, group, panes)
    assert await publisher.publish(1, Status(as_of=1), {}, ())
    before = await calls(client)
    count = 2 * LINES + 1
    assert await publisher.publish(2, Status(as_of=2), *filled(panes, count, pings=1, seq=2))
    assert await calls(client) - before == 3
    slices = declared.slices[CELLS]
    expected = {
        encode_key(key).encode(): encode_states(slices, line.states).encode()
        for key, line in panes.table[CELLS, 0, START].items()
    }
    name = pane_key(group, declared.slices[CELLS], 0, START)
    assert await client.hgetall(name) == expected
    assert len(expected) == count

    # Another owner sends all of it in place of what is there: nothing is left, nothing lacks.
    await client.hset(name, "stray", "[]")
    assert await Publisher(client, group, panes).publish(2, Status(as_of=3), {}, ())
    assert await client.hgetall(name) == expected


async def calls(client: Redis) -> int:
    """How often scripts were called."""
    found = await client.info("commandstats")
    return int(found["cmdstat_evalsha"]["calls"])
