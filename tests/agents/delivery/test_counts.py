"""What `millrace_events_total` says of batches that a recovery delivers."""

import asyncio

import pytest

from agents.shard import State
from streams import metrics
from streams.errors import SinkUnavailable
from streams.settings import Settings
from tests.support.feed import pipeline, produce, state_of
from tests.support.proxy import Proxy
from tests.support.store import Answers, exactly, short, shorten_age
from tests.support.waiting import eventually
from tests.support.wire import event, mixed

pytestmark = pytest.mark.slow


def told() -> dict[str, float]:
    """Records by outcome, of this process."""
    found: dict[str, float] = {}
    for sample in next(iter(metrics.EVENTS.collect())).samples:
        if sample.name.endswith("_total"):
            outcome = sample.labels["outcome"]
            found[outcome] = found.get(outcome, 0) + sample.value
    return found


def since(before: dict[str, float]) -> dict[str, float]:
    """What was added."""
    return {outcome: more for outcome, count in told().items() if (more := count - before.get(outcome, 0))}


async def test_a_batch_that_aged_in_an_outage_is_counted(line: tuple[Proxy, Settings], ask: Answers) -> None:
    way, settings = line
    await shorten_age(ask, 1)
    before = told()
    async with pipeline(short(settings, 1), [0]) as worker:
        await state_of(worker, State.RUNNING)
        way.refuse()
        records = mixed(50, partitions=1)
        topic, value = event("booking.created", 1000, seats=-5)
        await produce(settings, [*records, records[0], (topic, 0, value)])
        await state_of(worker, State.WAITING)
        way.refuses = False
        await exactly(ask, 50)

        async def counted() -> bool:
            return sum(since(before).values()) == 52

        await eventually("the batch is counted", counted)
        assert (sum(worker.shards[0].rows.values()), sum(worker.shards[0].dead.values())) == (50, 1)
    assert since(before) == {"row": 50, "duplicate": 1, "dead_letter": 1}


async def test_what_a_worker_has_counted_it_counts_once(
    ready: Settings, ask: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = told()
    async with pipeline(short(ready), [0]) as worker:
        await state_of(worker, State.RUNNING)
        recoveries = metrics.REGISTRY.get_sample_value("millrace_recoveries_total") or 0.0

        async def away(*_: object) -> None:
            monkeypatch.undo()
            raise SinkUnavailable("the broker does not answer a commit")

        monkeypatch.setattr(worker.feed, "commit", away)
        await produce(ready, mixed(50, partitions=1))
        await exactly(ask, 50)

        async def again() -> bool:
            return (metrics.REGISTRY.get_sample_value("millrace_recoveries_total") or 0.0) > recoveries

        await eventually("the shard begins anew", again)
        await state_of(worker, State.RUNNING)
    assert since(before) == {"row": 50}


async def test_what_a_worker_left_undelivered_its_successor_counts(
    ready: Settings, ask: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = told()
    async with pipeline(ready, [0]) as worker:
        await state_of(worker, State.RUNNING)
        proposed = asyncio.Event()

        async def never(*_: object) -> None:
            proposed.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(worker.shards[0]._settler, "finish", never)  # where the worker dies
        await produce(ready, mixed(50, partitions=1))
        await asyncio.wait_for(proposed.wait(), 30)
        worker.crash()
    assert since(before) == {}
    async with pipeline(ready, [0]):
        await exactly(ask, 50)

        async def counted() -> bool:
            return sum(since(before).values()) == 50

        await eventually("the batch is counted", counted)
    assert sum(since(before).values()) == 50
