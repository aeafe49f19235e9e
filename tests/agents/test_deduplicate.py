"""The duplicate memory against a naive one: random batches, replays, dropped drafts, horizons."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.deduplicate import Draft, Memory, Ring, Table


@dataclass(frozen=True)
class Happening:
    """As much of an event as this stage reads."""

    source: str
    id: str


@dataclass
class Naive:
    """Every entry ever made, searched from the front."""

    events: int
    seconds: int
    entries: list[tuple[tuple[str, int, str, str], int, float]] = field(default_factory=list)

    def has(self, key: tuple[str, int, str, str], offset: int, at: float) -> bool:
        return any(
            known == key and earlier < offset and int(entered) >= int(at - self.seconds)
            for known, earlier, entered in self.entries[-self.events :]
        )


Operation = tuple[list[tuple[int, list[int]]], bool, int]
operations = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(0, 1), st.lists(st.integers(0, 30), max_size=12)), max_size=4),
        st.booleans(),
        st.integers(0, 40),
    ),
    max_size=25,
)


def _fill(draft: Draft, naive: Naive, batch: list[tuple[int, list[int]]], start: list[int], at: float) -> None:
    """Mark the chunks of one batch in both memories; they must agree on every event."""
    ahead = start.copy()
    seen: dict[tuple[str, int, str, str], int] = {}
    for partition, ids in batch:
        events = [Happening(f"/app/{number % 3}", f"e{number}") for number in ids]
        offsets = range(ahead[partition], ahead[partition] + len(events))
        ahead[partition] += len(events)
        expected = set()
        for index, (offset, event) in enumerate(zip(offsets, events, strict=True)):
            key = ("rides.trip", partition, event.source, event.id)
            if key in seen or naive.has(key, offset, at):
                expected.add(index)
            else:
                seen[key] = offset
        assert draft.duplicates("rides.trip", partition, offsets, events, at) == expected
    naive.entries.extend((key, offset, at) for key, offset in seen.items())
    start[:] = ahead


@given(operations, st.integers(2, 40), st.integers(1, 60))
@settings(max_examples=300, deadline=None)
def test_the_memory_agrees_with_a_naive_one(steps: list[Operation], events: int, seconds: int) -> None:
    memory, naive = Memory(events, seconds), Naive(events, seconds)
    at, start = 1_000_000.0, [0, 0]
    for batch, valid, passed in steps:
        at += passed
        draft = memory.draft()
        if not valid:
            # The intent turned out void: nothing of the batch may be remembered, and it is filled again.
            _fill(draft, Naive(events, seconds, naive.entries.copy()), batch, start.copy(), at)
            draft = memory.draft()
        _fill(draft, naive, batch, start, at)
        draft.enter(at)


def _events(numbers: Sequence[int], source: str = "/app") -> list[Happening]:
    return [Happening(source, f"e{number}") for number in numbers]


def test_a_batch_read_again_is_no_duplicate_of_itself() -> None:
    memory, events = Memory(100, 600), _events(range(10))
    memory.enter("rides.trip", 0, range(50, 60), events, 1000)
    draft = memory.draft()
    assert draft.duplicates("rides.trip", 0, range(50, 60), events, 1000) == set()
    assert memory.draft().duplicates("rides.trip", 0, range(60, 70), events, 1000) == set(range(10))


def test_partitions_topics_and_sources_do_not_meet() -> None:
    memory, events = Memory(100, 600), _events(range(10))
    memory.enter("rides.trip", 0, range(10), events, 1000)
    for topic, partition in (("rides.trip", 1), ("rides.user", 0)):
        assert memory.draft().duplicates(topic, partition, range(10, 20), events, 1000) == set()
    other = _events(range(10), source="/other")
    assert memory.draft().duplicates("rides.trip", 0, range(10, 20), other, 1000) == set()


def test_a_new_assignment_forgets_what_the_rows_do_not_show() -> None:
    memory = Memory(100, 600)
    memory.enter("rides.trip", 0, range(10), _events(range(10)), 1000)
    memory.enter("rides.trip", 1, range(10), _events(range(10)), 1000)
    memory.forget("rides.trip", 0)
    memory.enter("rides.trip", 0, range(3), _events(range(3)), 1000)
    memory.enter("rides.trip", 0, range(3, 5), _events([3, 4]), 1001)
    marked = memory.draft().duplicates("rides.trip", 0, range(10, 20), _events(range(10)), 1002)
    assert marked == {0, 1, 2, 3, 4}
    assert len(memory.draft().duplicates("rides.trip", 1, range(10, 20), _events(range(10)), 1002)) == 10


def test_the_horizon_is_exact_in_events_and_in_seconds() -> None:
    memory = Memory(1000, 600)
    for start in range(0, 5000, 500):
        memory.enter("rides.trip", 0, range(start, start + 500), _events(range(start, start + 500)), 1000)
    marked = memory.draft().duplicates("rides.trip", 0, range(9000, 14000), _events(range(5000)), 1600)
    assert marked == set(range(4000, 5000))
    assert not memory.draft().duplicates("rides.trip", 0, range(9000, 14000), _events(range(5000)), 1601)


def test_an_event_costs_less_than_a_hundred_bytes() -> None:
    memory = Memory(2_000_000, 600)
    assert memory.nbytes / memory.events < 100


def test_keys_that_want_the_same_slot_all_find_a_place() -> None:
    """Equal low halves collide on the slot and equal tags on the 32 bits kept in it."""
    ring, table = Ring(64), Table(64)
    high = np.arange(64, dtype=np.uint64)
    low = np.full(64, 7, dtype=np.uint64)
    ring.high[:], ring.low[:] = high, low
    table.put(high[:40], low[:40], np.arange(40), ring)
    found, _ = table.find(high, low, ring)
    assert found.tolist() == [*range(40), *[-1] * 24]


def test_lone_surrogates_are_keys_like_others() -> None:
    memory = Memory(10, 10)
    odd = [Happening("/\ud800", "\udfff")]
    memory.enter("rides.trip", 0, [1], odd, 5)
    assert memory.draft().duplicates("rides.trip", 0, [2], odd, 5) == {0}
