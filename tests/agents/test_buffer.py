"""The buffer holds what was fetched without a gap and without a repeat, whatever the way there does (R2, R3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.buffer import Buffer, by_topic, ranges_of
from streams.batch import Chunk, Decoded
from streams.errors import Invariant, InvariantBroken
from tests.support.records import Line


def chunk(start: int, end: int, holes: set[int] | None = None) -> Chunk:
    """The chunk that a fetch from `start` to `end` gives of a log with these holes."""
    return Chunk("t", 0, start, end, [Line(offset) for offset in range(start, end) if offset not in (holes or ())])


def offer(buffer: Buffer, offered: Chunk) -> bool:
    """As a shard does; True if something was taken."""
    fitting = buffer.fit(offered)
    if fitting is None:
        return False
    buffer.add(Decoded(fitting, list(fitting.records), []))
    return True


def held(buffer: Buffer) -> list[int]:
    """The offsets in the buffer."""
    return [record.offset for decoded in buffer.chunks for record in decoded.chunk.records]


@given(
    holes=st.sets(st.integers(0, 60)),
    spans=st.lists(st.tuples(st.integers(0, 55), st.integers(0, 20)), max_size=40),
)
def test_r2_the_buffer_is_always_a_gapless_prefix(holes: set[int], spans: list[tuple[int, int]]) -> None:
    buffer = Buffer()
    buffer.reset({"t": 0})
    for start, length in spans:
        offered = chunk(start, start + length, holes)
        expected = buffer.expected["t"]
        taken = offer(buffer, offered)
        assert taken == (start <= expected < start + length)
        assert buffer.is_gap(offered) == (start > buffer.expected["t"])
        assert held(buffer) == [offset for offset in range(buffer.expected["t"]) if offset not in holes]
    assert buffer.rows == len(held(buffer)) == buffer.size


def test_r2_of_a_chunk_that_overlaps_only_the_rest_is_taken() -> None:
    buffer = Buffer()
    buffer.reset({"t": 0})
    assert offer(buffer, chunk(0, 5))
    assert offer(buffer, chunk(2, 8, holes={6}))
    assert held(buffer) == [0, 1, 2, 3, 4, 5, 7]


def test_a_hole_at_a_chunks_edge_is_no_gap() -> None:
    buffer = Buffer()
    buffer.reset({"t": 0})
    assert offer(buffer, chunk(0, 5, holes={4}))
    assert offer(buffer, chunk(5, 9, holes={5, 6}))
    assert held(buffer) == [0, 1, 2, 3, 7, 8]


def test_a_chunk_of_another_topic_or_a_later_place_is_not_taken() -> None:
    buffer = Buffer()
    buffer.reset({"other": 0})
    assert not offer(buffer, chunk(0, 5))
    buffer.reset({"t": 0})
    assert not offer(buffer, chunk(3, 5))
    assert buffer.is_gap(chunk(3, 5))


def test_a_batch_takes_whole_chunks_up_to_the_limits() -> None:
    buffer = Buffer()
    buffer.reset({"t": 0})
    for start in range(0, 50, 10):
        offer(buffer, chunk(start, start + 10))
    taken = buffer.take(rows=15, size=1000)
    assert [decoded.chunk.start for decoded in taken] == [0, 10]
    assert ranges_of(taken, {"t": 0, "u": 3}) == {"t": (0, 20), "u": (3, 3)}
    assert list(by_topic(taken)) == ["t"]
    assert (buffer.rows, buffer.size) == (30, 30)
    assert len(buffer.take(rows=1000, size=1)) == 1


def test_a_range_with_a_hole_is_seen() -> None:
    decoded = [Decoded(made, list(made.records), []) for made in (chunk(0, 5), chunk(5, 9))]
    assert ranges_of(decoded, {"t": 0, "u": 3}) == {"t": (0, 9), "u": (3, 3)}
    with pytest.raises(InvariantBroken, match="begins at 5, and what is before it ends at 4") as found:
        ranges_of(decoded[1:], {"t": 4})
    assert found.value.invariant is Invariant.RANGE_NOT_COVERED
