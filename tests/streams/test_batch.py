"""Runs of offsets, and cutting chunks."""

from hypothesis import given
from hypothesis import strategies as st

from streams.batch import Chunk, count_runs, from_runs, runs_by_topic, to_runs
from tests.support.records import Line

offsets = st.sets(st.integers(0, 200))


@given(offsets)
def test_runs_hold_the_same_offsets(found: set[int]) -> None:
    runs = to_runs(sorted(found))
    assert list(from_runs(runs)) == sorted(found)
    assert count_runs(runs) == len(found)
    assert len(runs) % 2 == 0


def test_runs_of_topics_leave_out_the_empty_ones() -> None:
    assert runs_by_topic({"a": {2, 1}, "b": set()}) == {"a": [1, 2]}


@given(offsets, st.integers(0, 210))
def test_a_cut_chunk_covers_the_same_positions_and_records(found: set[int], at: int) -> None:
    chunk = Chunk("t", 0, 0, 201, [Line(offset) for offset in sorted(found)])
    low, high = chunk.before(at), chunk.after(at)
    assert [*low.records, *high.records] == chunk.records
    assert (low.start, high.end) == (0, max(201, at))
    assert low.end == min(at, 201)
    assert high.start == at
    assert low.size + high.size == chunk.size == len(found)
