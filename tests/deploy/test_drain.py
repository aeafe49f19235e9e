"""A run ends when the records that were there have their end, not when as many events as it sent were counted."""

import asyncio

import pytest

from deploy.local.drain import Drain, waiting
from streams.intent import Intent
from streams.settings import Settings
from tests.support.feed import pipeline, produce
from tests.support.store import Answers, exactly
from tests.support.wire import mixed

ENDS = {("a", 0): 100, ("b", 0): 10, ("a", 1): 7}
LAST = Intent(
    chain="c",
    seq=5,
    previous="p",
    nonce="n",
    ranges={"a": (60, 100), "b": (4, 10)},
    rows={"events": 45, "dead_letters": 1},
)
CLOSED = Intent(chain="d", seq=9, previous="p", nonce="n", ranges={"a": (7, 7), "b": (0, 0)})


def test_the_last_batch_counts_once_every_table_of_it_is_there() -> None:
    last = {0: LAST, 1: CLOSED}
    assert waiting(ENDS, last, {(0, "events"): 5, (0, "dead_letters"): 5}) == 0
    assert waiting(ENDS, last, {(0, "events"): 6, (0, "dead_letters"): 7}) == 0
    assert waiting(ENDS, last, {(0, "events"): 5, (0, "dead_letters"): 3}) == 40 + 6
    assert waiting(ENDS, last, {(0, "events"): 5, (1, "dead_letters"): 5}) == 40 + 6
    assert waiting(ENDS, last, {}) == 40 + 6


def test_what_no_batch_has_taken_is_waited_for() -> None:
    assert waiting(ENDS, {}, {}) == 100 + 10 + 7
    there = {(0, "events"): 5, (0, "dead_letters"): 5}
    assert waiting(ENDS, {0: LAST}, there) == 7
    assert waiting({("a", 0): 130, ("new", 0): 3}, {0: LAST}, there) == 30 + 3
    assert waiting({("a", 0): 90}, {0: LAST}, there) == 0


@pytest.mark.slow
async def test_events_of_others_hide_none_of_ours(ready: Settings, ask: Answers) -> None:
    """Shard 1 is not served: its events are waited for, however many of shard 0 are counted."""
    await produce(ready, mixed(60, partitions=1))
    await produce(ready, [(topic, 1, value) for topic, _, value in mixed(10, first=100, partitions=1)])
    drain = Drain(ready)
    async with pipeline(ready, [0]):
        await exactly(ask, 60)
        left, totals = await asyncio.to_thread(drain.look)
        assert (left, totals.accounted) == (10, 60)
    async with pipeline(ready):
        await exactly(ask, 70)
        await produce(ready, mixed(20, first=200))
        await exactly(ask, 90)
        left, totals = await asyncio.to_thread(drain.look)
    assert (left, totals.accounted) == (0, 90)
