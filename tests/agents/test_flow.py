"""What of a shard is fetched: a full buffer pauses it, and a topic that is far ahead waits for the slowest."""

from collections.abc import Mapping

import pytest

from agents.buffer import Buffer
from agents.flow import STALL_SECONDS, Intake
from agents.pace import BEHIND, Pace
from streams.settings import Settings
from tests.support.feed import Pipeline, pipeline, produce
from tests.support.store import Answers, exactly
from tests.support.waiting import eventually
from tests.support.wire import event

HOUR = 3_600_000
T = 1_700_000_000_000
"""The watermark of these tests, in milliseconds."""


class Told:
    """A flow that remembers what is fetched of shard 3: None is nothing, else all but these."""

    def __init__(self) -> None:
        self.state: frozenset[str] | None = frozenset()
        self.ends_told: dict[str, int] = {}

    def pause(self, shard: int) -> None:
        """Nothing is fetched."""
        assert shard == 3
        self.state = None

    def resume(self, shard: int, but: frozenset[str] = frozenset()) -> None:
        """All but these."""
        assert shard == 3
        self.state = but

    async def reposition(self, shard: int, offsets: Mapping[str, int]) -> None:
        """Not asked for here."""

    async def commit(self, shard: int, offsets: Mapping[str, int]) -> None:
        """Not asked for here."""

    def ends(self, shard: int) -> dict[str, int | None]:
        """Not asked for here."""
        return {}

    def told(self, shard: int, seconds: float) -> dict[str, int]:
        """What the broker has told just now."""
        assert shard == 3
        return self.ends_told


@pytest.fixture
def told() -> Told:
    """The flow."""
    return Told()


@pytest.fixture
def intake(told: Told) -> Intake:
    """Of a shard with a buffer of 1000 bytes whose topics may be an hour apart."""
    return Intake(3, told, 1000, 3600)


def test_a_topic_is_idle_if_all_that_the_broker_told_just_now_is_done(intake: Intake, told: Told) -> None:
    done = {"a": 5, "b": 5, "c": 5}
    told.ends_told = {"a": 5, "b": 6}  # of c it has told nothing: it is away, or c is not fetched
    assert intake.idle(done, ["a", "b", "c"]) == ["a"]
    assert intake.idle(done, ["b", "c"]) == []
    intake.filled(2000)
    assert intake.idle(done, ["a"]) == []


def test_a_topic_that_waits_for_others_is_not_idle(intake: Intake, told: Told) -> None:
    """What comes to it meanwhile is not fetched, and would be late if its watermark went by the clock."""
    told.ends_told = {"a": 5, "b": 5}
    arrived = {"a": 100.0, "b": 100.0}
    intake.align(T, {"a": T, "b": T + HOUR + 1}, arrived, 100)
    assert intake.idle({"a": 5, "b": 5}, ["a", "b"]) == ["a"]


def test_what_waits_is_what_the_topics_that_are_fetched_have_beyond_what_was_taken(intake: Intake, told: Told) -> None:
    told.ends_told = {"a": 15, "b": 105, "c": 5}
    assert intake.waiting({"a": 5, "b": 5, "c": 6, "d": 0}) == 110  # an end may have been told before the last fetch
    intake.align(T, {"a": T, "b": T + HOUR + 1}, {"a": 100.0, "b": 100.0}, 100)
    assert intake.waiting({"a": 5, "b": 5}) == 10
    intake.filled(2000)
    assert intake.waiting({"a": 5, "b": 5}) == 0


def held(rows: int, size: int = 0) -> Buffer:
    """A buffer with so much in it, of topic `a` up to offset 100."""
    return Buffer({"a": 100}, [], rows, size)


PACE = Pace(rows=1000, size=50_000, seconds=2.0, stretch=lambda: 1.5)


def test_a_batch_is_sent_when_it_is_full_or_old(intake: Intake) -> None:
    assert PACE.due(held(1000), intake, 10.0, 10.1) == 10.0
    assert PACE.due(held(1, 50_000), intake, 10.0, 10.1) == 10.0
    assert PACE.due(held(999, 49_999), intake, 10.0, 10.1) == 13.0
    assert PACE.due(held(1), intake, 10.0, 99.0) == 13.0


def test_a_batch_gathers_longer_while_more_waits_than_it_takes(intake: Intake, told: Told) -> None:
    told.ends_told = {"a": 601}
    assert PACE.due(held(500), intake, 10.0, 13.0) == 10.0 + 3.0 * BEHIND
    told.ends_told = {"a": 600}
    assert PACE.due(held(500), intake, 10.0, 13.0) == 13.0
    told.ends_told = {"a": 5_000}
    intake.filled(2000)  # nothing comes any more until this batch is sent
    assert PACE.due(held(500), intake, 10.0, 13.0) == 13.0


def test_a_full_buffer_pauses_until_half_of_it_is_gone(intake: Intake, told: Told) -> None:
    intake.filled(1000)
    assert not intake.is_paused
    assert told.state == frozenset()
    intake.filled(1001)
    assert intake.is_paused
    assert told.state is None
    intake.drained(501)
    assert told.state is None
    intake.drained(500)
    assert not intake.is_paused
    assert told.state == frozenset()


def test_a_topic_far_ahead_waits_for_the_slowest(intake: Intake, told: Told) -> None:
    arrived = {"slow": 100.0, "fast": 50.0}
    intake.align(T, {"slow": T, "fast": T + HOUR}, arrived, 101)
    assert told.state == frozenset()
    intake.align(T, {"slow": T, "fast": T + HOUR + 1}, arrived, 101)
    assert told.state == intake.ahead == frozenset({"fast"})
    intake.filled(2000)
    intake.align(T + 1, {"slow": T + 1, "fast": T + HOUR + 1}, arrived, 102)
    assert told.state is None
    intake.drained(0)
    assert told.state == frozenset({"fast"})
    intake.align(T + 1, {"slow": T + 1, "fast": T + HOUR + 1}, arrived, 102)
    assert told.state == intake.ahead == frozenset()


def test_nobody_waits_for_a_topic_that_does_not_move_or_that_nothing_is_known_of(intake: Intake, told: Told) -> None:
    topics, arrived = {"slow": T, "fast": T + 2 * HOUR}, {"slow": 100.0, "fast": 100.0}
    intake.align(T, topics, arrived, 100 + STALL_SECONDS)
    assert told.state == frozenset({"fast"})
    intake.align(T, topics, arrived, 100.1 + STALL_SECONDS)
    assert told.state == frozenset()
    intake.align(T, topics, arrived | {"slow": 111.0}, 111)
    assert told.state == frozenset({"fast"})
    intake.open()
    assert (told.state, intake.ahead) == (frozenset(), frozenset())
    intake.align(0, {"slow": 0, "fast": T}, arrived, 100)
    assert told.state == frozenset()


DENSE, HOURS = 20_000, 20


@pytest.mark.slow
async def test_a_backlog_is_taken_together_in_time_and_all_of_it_arrives(ready: Settings, ask: Answers) -> None:
    """Page views of twenty hours, of which sales of the same hours are a hundredth and would be done long before."""
    often = {"watermark_idle_seconds": 0.01, "live_publish_seconds": 0.05}
    quick = ready.model_copy(update={"windows_enabled": True, "batch_rows": 300} | often)
    records: list[tuple[str, int, bytes | None]] = []
    for number in range(DENSE):
        ago = HOURS * 3600 * (1 - number / DENSE)
        for kind in ["page.viewed", *(["ticket.purchased"] if number % 100 == 0 else [])]:
            topic, value = event(kind, number, ago=ago)
            records.append((topic, 0, value))
    await produce(quick, records)
    async with pipeline(quick, [0]) as worker:
        await exactly(ask, len(records), 60)
        assert "ticketing.sales" in worker.feed.waited
        await eventually("nobody waits", lambda: _nobody_waits(worker))
        topic, value = event("ticket.purchased", DENSE)
        await produce(quick, [(topic, 0, value)])
        await exactly(ask, len(records) + 1)


async def _nobody_waits(worker: Pipeline) -> bool:
    return not worker.shards[0]._intake.ahead
