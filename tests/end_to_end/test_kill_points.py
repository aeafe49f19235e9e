"""The delivery killed (SIGKILL) at each of its steps, before and after: the next run leaves one copy of every row."""

import asyncio
import random
import signal

import pytest

from streams.settings import Settings
from tests.support.feed import pipeline, produce
from tests.support.found import counts, doubled
from tests.support.killed import killed
from tests.support.store import Answers, exactly
from tests.support.wire import mixed

pytestmark = pytest.mark.slow

ROWS, BAD, LATER = 400, 40, 60
STEPS = ("intent", "deliver", "insert-events_raw", "insert-events", "insert-dead_letters")
PLACES = [f"{step}:{when}" for step in STEPS for when in ("before", "after")]
QUICK = {
    "intent:before",
    "intent:after",
    "deliver:before",
    *(place for place in PLACES if place.endswith(":after")),
} - {"deliver:after"}
AGAIN = ["intent:after:3", "insert-events_raw:after:3", "deliver:before:4"]
"""Not the first batch: there is a chain to go on from, and another shard is at work."""


def bad(count: int) -> list[tuple[str, int, bytes | None]]:
    """Records that become dead letters, spread over the partitions."""
    return [("rides.trip", number % 2, b"%d is no event" % number) for number in range(count)]


@pytest.mark.parametrize(
    "place",
    [place if place in QUICK else pytest.param(place, marks=pytest.mark.faults) for place in (*PLACES, *AGAIN)],
)
async def test_one_copy_of_every_row_after_a_kill(ready: Settings, ask: Answers, place: str) -> None:
    records = mixed(ROWS) + bad(BAD)
    random.Random(place).shuffle(records)
    await produce(ready, records)
    # Small batches, so that a step comes more than once; one shard's batch is not the other's.
    small = ready.model_copy(update={"worker_kill_at": place, "batch_rows": 50})
    assert await asyncio.to_thread(killed, small) == -signal.SIGKILL
    async with pipeline(ready):
        await produce(ready, mixed(LATER, first=ROWS))
        await exactly(ask, ROWS + LATER)
    assert await asyncio.to_thread(doubled, ready) == {}
    assert (await asyncio.to_thread(counts, ready))["dead_letters"] == {"malformed": BAD}
