"""The delivery killed (SIGKILL) before and after each of its steps: the next owner leaves one copy of everything.

The steps are those of agents/kill_point.py. A place that an owner never gets to fails its test.
"""

import asyncio
import random
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pytest

from agents.kill_point import Step
from streams.settings import Settings
from tests.faults.windows import differing
from tests.support.feed import pipeline, produce
from tests.support.found import counts, doubled
from tests.support.killed import killed
from tests.support.store import Answers, exactly, short, shorten_age
from tests.support.waiting import eventually
from tests.support.wire import event, mixed

pytestmark = pytest.mark.slow

SENT, MORE, LATER = 80, 40, 20
"""Events before the first owner, before the second one, and before the one that lives."""
ROWS, BAD = SENT + MORE + LATER, 17
EACH = 9
"""After so many events follows a record that is none."""
AGO = 180.0
"""Seconds. Events so old close their windows of a minute as soon as a shard has taken them, and are late for none."""
AGE = 2.0
"""Seconds after which a batch has aged, where that is wanted."""
REFUSED = 5000
"""Number of the event that ClickHouse refuses, where that is wanted."""


@pytest.fixture
def windows() -> bool:
    """Some of the steps are theirs."""
    return True


class Owner(StrEnum):
    """Who dies."""

    FIRST = "first"
    """The one that begins the chain."""
    REPLAYING = "replaying"
    """The one that finds a batch which a former owner has delivered in part."""
    AGED = "aged"
    """The one that finds such a batch when its token may no longer be used."""
    REFUSED = "refused"
    """The first one, to which ClickHouse refuses a row."""


INSERTS = (Step.INSERT_RIDES, Step.INSERT_TICKETING, Step.INSERT_DEAD_LETTERS)
RECOVERY = (Step.OPEN, Step.WITNESS, Step.CHAIN, Step.HELD, Step.BOUNDS, Step.MEMORY, Step.WINDOWS, Step.SEEK)
BATCH = (Step.INTENT, Step.INTENT_READ, Step.DELIVER, *INSERTS, Step.LETTERS)
AROUND = (Step.FILL, Step.CLOCK, Step.COMMIT, Step.CLOSE, Step.PUBLISH, Step.KEEP)
AGING = (Step.AGAIN, Step.AGE_OUT, Step.MISSING, Step.LEDGER, Step.SUPERSEDE)
REACHED = {
    Owner.FIRST: (*RECOVERY, Step.BEGIN, Step.VIEWS, Step.LINE, *BATCH, *AROUND),
    Owner.REPLAYING: (*RECOVERY, Step.AGAIN_READ, Step.AGAIN, Step.COUNT, Step.VIEWS, Step.LINE, *BATCH, *AROUND),
    Owner.AGED: (*AGING, Step.INTENT, Step.INSERT_RIDES, Step.VIEWS),
    Owner.REFUSED: (Step.REFUSED, Step.RECOUNT),
}
"""The steps that each owner gets to."""
ONLY_ONCE = {
    Owner.FIRST: (Step.AGAIN_READ, Step.AGAIN, Step.COUNT),
    Owner.REPLAYING: (Step.BEGIN,),
}
"""What either of the usual owners never gets to: one has nothing to deliver again, the other a chain already."""
UNUSUAL = {step for owner in (Owner.AGED, Owner.REFUSED) for step in REACHED[owner]} - set(REACHED[Owner.REPLAYING])
"""Steps of batches that aged or were refused."""
LEFT = {Owner.REPLAYING: "insert-events_raw:after:2", Owner.AGED: "insert-events_raw:before:2"}
"""Where the former owner has died: its batch is in ClickHouse in part, and certainly not whole where it ages."""
LATER_BATCHES = ("intent:after:3", "insert-events_raw:after:3", "deliver:before:3")
"""Not the first time: there is a chain to go on from, and another shard is at work."""


@dataclass(frozen=True)
class Walk:
    """One death."""

    owner: Owner
    place: str
    shards: int

    def __str__(self) -> str:
        return f"{self.owner}-{self.place}-{self.shards}"


WALKS = [
    Walk(owner, f"{step.label}:{when}", shards)
    for shards in (1, 2)
    for owner, steps in REACHED.items()
    for step in steps
    for when in ("before", "after")
] + [Walk(Owner.FIRST, place, 2) for place in LATER_BATCHES]
SAMPLE = {
    Walk(Owner.FIRST, "intent:after", 1): (),
    Walk(Owner.FIRST, "insert-events_raw:after", 2): (pytest.mark.long,),
    Walk(Owner.REPLAYING, "again:after", 1): (pytest.mark.long,),
}
"""What `make test` walks, and `make test-long`."""


def marked(walks: Iterable[Walk]) -> list[Any]:
    """All but the sample are for `make test-faults`."""
    return [pytest.param(walk, id=str(walk), marks=SAMPLE.get(walk, pytest.mark.faults)) for walk in walks]


def quick(settings: Settings) -> Settings:
    """Small batches, so that a step comes more than once; and everything that waits for time waits little."""
    return settings.model_copy(
        update={
            "batch_rows": 30,
            "batch_seconds": 0.1,
            "shard_idle_close_seconds": 0.5,
            "watermark_idle_seconds": 0.5,
            "watermark_disorder_seconds": 0.1,
        }
    )


async def sent(settings: Settings, walk: Walk, count: int, first: int = 0) -> None:
    """Send valid events of all types and what is no event, in some order, to the shards that are walked."""
    records = mixed(count, first, walk.shards, AGO)
    records += [(topic, partition, b"no event") for topic, partition, _ in records[::EACH]]
    if walk.owner is Owner.REFUSED and first == 0:
        topic, value = event("booking.created", REFUSED, ago=AGO)
        records.append((topic, 0, value))
    random.Random(walk.place).shuffle(records)
    await produce(settings, records)


async def dies_at(settings: Settings, place: str, shards: int) -> None:
    """Deliver in another process until it gets to that place."""
    armed = settings.model_copy(update={"worker_kill_at": place})
    assert await asyncio.to_thread(killed, armed, range(shards)) == -signal.SIGKILL


async def everything_once(settings: Settings, ask: Answers, walk: Walk) -> None:
    """The next owner delivers the rest and what comes later: raw and family rows, dead letters, windows."""
    async with pipeline(settings, range(walk.shards)) as worker:
        await sent(settings, walk, LATER, SENT + MORE)
        await exactly(ask, ROWS)
        closed = 1000 * (time.time() - AGO + 60)

        async def kept() -> bool:
            watermarks = [shard.windows.watermark.value for shard in worker.shards.values()]
            return min(watermarks) > closed and not await asyncio.to_thread(differing, settings, time.time())

        await eventually("the windows are kept as the rows say", kept)
    assert await asyncio.to_thread(doubled, settings) == {}
    refused = {"refused": 1} if walk.owner is Owner.REFUSED else {}
    assert (await asyncio.to_thread(counts, settings))["dead_letters"] == {"malformed": BAD} | refused
    assert await ask.count("metrics_realtime_latest", "window = 'rides.trips.1m'") > 0


@pytest.mark.parametrize("walk", marked(WALKS))
async def test_one_copy_of_everything_after_a_kill(ready: Settings, ask: Answers, walk: Walk) -> None:
    settings = quick(ready)
    if walk.owner in (Owner.AGED, Owner.REFUSED):
        await shorten_age(ask, int(AGE))
        settings = short(settings, AGE)
    if walk.owner is Owner.REFUSED:
        await ask.client.command(
            f"ALTER TABLE events_raw ADD CONSTRAINT picky CHECK event_id != 'booking.created-{REFUSED}'"
        )
    await sent(settings, walk, SENT)
    if walk.owner in LEFT:
        await dies_at(settings, LEFT[walk.owner], walk.shards)
    await sent(settings, walk, MORE, SENT)
    if walk.owner is Owner.AGED:
        await asyncio.sleep(AGE)
    await dies_at(settings, walk.place, walk.shards)
    await everything_once(settings, ask, walk)


@pytest.mark.parametrize("shards", [1, 2])
def test_every_place_is_walked(shards: int) -> None:
    """But for those of `millrace dlq replay`, which are no steps of the delivery: tests/streams/cli/test_dlq.py."""
    walked = {walk.place for walk in WALKS if walk.shards == shards}
    there = {f"{step.label}:{when}" for step in Step for when in ("before", "after")}
    assert there - walked == {"replay:before", "replay:after"}


@pytest.mark.parametrize("owner", ONLY_ONCE)
def test_the_first_owner_and_the_replaying_one_die_at_every_step_that_they_get_to(owner: Owner) -> None:
    assert set(Step) - UNUSUAL - {Step.REPLAY} == set(REACHED[owner]) | set(ONLY_ONCE[owner])


def test_the_sample_is_of_the_walks() -> None:
    assert set(SAMPLE) <= set(WALKS)
