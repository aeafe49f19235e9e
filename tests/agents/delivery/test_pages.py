"""What a worker tells of its shards: alive while it tries, stalled while it hangs, and nothing of shards it has not."""

import time

import pytest

from agents import pages
from agents.live import lag
from agents.pages import describe, measure, readiness, stalled_shards
from agents.shard import State
from clickhouse.holds import Holds
from streams import metrics
from streams.settings import Settings
from tests.support.feed import Pipeline, pipeline, produce, state_of
from tests.support.proxy import Proxy
from tests.support.store import Answers, exactly
from tests.support.waiting import eventually
from tests.support.wire import mixed

STALL = 1.0


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard counts as stalled after a second."""
    monkeypatch.setattr(pages, "STALL_SECONDS", STALL)


def stalled(worker: Pipeline) -> list[int]:
    """As /live says."""
    return stalled_shards(worker.running.shards, worker.feed)


def told(name: str, **labels: str) -> float | None:
    """A sample of the worker's metrics."""
    return metrics.REGISTRY.get_sample_value(name, labels)


async def test_a_shard_that_holds_a_batch_for_clickhouse_is_alive(line: tuple[Proxy, Settings], ask: Answers) -> None:
    way, settings = line
    async with pipeline(settings, [0]) as worker:
        await state_of(worker, State.RUNNING)
        way.refuse()
        await produce(settings, mixed(50, partitions=1))
        shard = worker.shards[0]

        async def waits() -> bool:
            return shard.is_waiting

        await eventually("it waits", waits)
        await produce(settings, mixed(50, 50, partitions=1))
        seen: list[int] = []
        lags: list[int] = []
        until = time.monotonic() + 3 * STALL

        async def enough() -> bool:
            seen.extend(stalled(worker))
            lags.append(sum(lag(shard, worker.feed).values()))
            return time.monotonic() > until

        await eventually("longer than a stall", enough)
        assert lags[-1] == 50
        assert seen == []
        way.refuses = False
        await exactly(ask, 100)


async def test_a_shard_that_gets_nothing_of_what_there_is_is_stalled(ready: Settings, ask: Answers) -> None:
    async with pipeline(ready, [0]) as worker:
        await state_of(worker, State.RUNNING)
        worker.feed.lose = lambda _: True
        await produce(ready, mixed(50, partitions=1))

        async def found() -> bool:
            return stalled(worker) == [0]

        await eventually("it is stalled", found)
        worker.feed.lose = lambda _: False
        await exactly(ask, 50)
        assert stalled(worker) == []


async def test_a_held_shard_is_shown_and_one_that_has_left_is_not(ready: Settings, ask: Answers) -> None:
    holds = Holds(ask.client)
    async with pipeline(ready, [0]) as worker:
        shards = worker.running.shards
        await produce(ready, mixed(20, partitions=1))
        await exactly(ask, 20)
        measure(shards, worker.feed)
        assert told("millrace_lag_records", topic="rides.trip", shard="0") is not None
        assert told("millrace_shard_state", shard="0", state="running") == 1
        await holds.place("test", "a table is rebuilt")

        async def closed() -> bool:
            return not worker.shards

        await eventually("it is closed", closed)
        (shown,) = describe(shards, worker.feed)
        assert (shown["shard"], shown["state"], shown["problem"]) == (0, "held", "test: a table is rebuilt")
        assert readiness(shards) == (False, {0: "held"})
        assert ">test: a table is rebuilt<" in pages.render([shown])
        measure(shards, worker.feed)
        assert told("millrace_shard_state", shard="0", state="held") == 1
        assert told("millrace_lag_records", topic="rides.trip", shard="0") is None
        await shards.revoke(10)
        measure(shards, worker.feed)
        assert told("millrace_shard_state", shard="0", state="held") is None
        assert describe(shards, worker.feed) == []
        await holds.release("test")
