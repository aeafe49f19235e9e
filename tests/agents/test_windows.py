"""The windows of running shards: what is rebuilt from rows is what was counted from events."""

from typing import Any

import pytest

from agents.shard import Shard
from streams.settings import Settings
from tables.declared import declared
from tables.wire import encode_states
from tests.support.feed import Pipeline, pipeline, produce
from tests.support.store import Answers, exactly
from tests.support.waiting import eventually
from tests.support.wire import event, mixed

State = dict[tuple[str, int, Any], tuple[Any, ...]]


def state(shard: Shard) -> State:
    """Every line of a shard, with its revision."""
    return {
        (slices.name, start, key): (encode_states(slices, line.states), line.revision)
        for slices, start, pane in shard.windows.panes
        for key, line in pane.items()
    }


def needed(lines: State, watermark: int) -> State:
    """The part that is not yet dropped at a watermark."""
    kept = {name: slices.pane + slices.keep for name, slices in declared.slices.items()}
    return {place: line for place, line in lines.items() if (place[1] + kept[place[0]]) * 1000 > watermark}


async def recovered(worker: Pipeline) -> None:
    """Wait until all shards have their windows."""

    async def done() -> bool:
        return len(worker.shards) == 2 and all(shard.is_recovered for shard in worker.shards.values())

    await eventually("the shards are recovered", done)


async def load(settings: Settings, first: int) -> int:
    """Events of all types over the last three hours, and pings of all drivers."""
    records = mixed(600, first)
    for number in range(first, first + 400):
        topic, value = event("driver.location.updated", number, ago=number % 40 * 60)
        records.append((topic, number % 2, value))
        topic, value = event("trip.completed", 10_000 + number, ago=number % 180 * 60)
        records.append((topic, number % 2, value))
        topic, value = event("ticket.purchased", 10_000 + number, ago=number % 90 * 60)
        records.append((topic, number % 2, value))
    await produce(settings, records)
    return len(records)


@pytest.mark.parametrize("end", ["crash", "orderly"])
async def test_what_is_rebuilt_is_what_was_counted(ready: Settings, ask: Answers, end: str) -> None:
    whole = ready.model_copy(update={"location_sample_rate": 0.5, "watermark_idle_seconds": 1.0})
    rows = "SELECT (SELECT count() FROM events_raw) + (SELECT count() FROM events)"
    sent = 0
    async with pipeline(whole) as worker:

        async def all_taken() -> bool:
            return sum(sum(ends.values()) for ends in worker.feed.committed.values()) == sent

        await recovered(worker)
        for first in range(0, 3000, 1000):
            sent += await load(whole, first)
            await eventually("everything is taken", all_taken)
        before = {number: state(shard) for number, shard in worker.shards.items()}
        marks = {number: shard.windows.watermark.value for number, shard in worker.shards.items()}
        count = await ask.one(rows)
        assert count > 3000
        assert sum(shard.windows.panes.late.total() for shard in worker.shards.values()) > 100
        if end == "crash":
            worker.crash()
    async with pipeline(whole) as second:
        await recovered(second)
        await exactly(ask, count)
        for number, shard in second.shards.items():
            watermark = max(shard.windows.watermark.value, marks[number])
            assert watermark > 0
            assert len(needed(before[number], watermark)) > 100
            assert needed(state(shard), watermark) == needed(before[number], watermark)
