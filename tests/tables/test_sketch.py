"""The sketch of distinct values: exact below its bound, and within its stated error beyond it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh64_intdigest

from tables.aggregates import Distinct
from tables.sketch import FEW, SIZE, digits, estimate, ordered, trimmed, union

ERROR = 1 / math.sqrt(SIZE - 2)
"""The stated relative standard error."""
SEEDS = 60


def hashes(count: int, seed: int = 0) -> set[int]:
    """Of so many distinct values."""
    return {xxh64_intdigest(f"{seed}-{number}".encode()) for number in range(count)}


@pytest.mark.parametrize("count", [0, 1, SIZE - 1])
def test_it_is_exact_below_the_bound(count: int) -> None:
    assert estimate(hashes(count)) == count


@pytest.mark.parametrize("count", [SIZE, SIZE + 1, 2 * SIZE])
def test_at_the_bound_it_begins_to_estimate(count: int) -> None:
    told = estimate(hashes(count))
    assert told != count
    assert told == pytest.approx(count, rel=4 * ERROR)


@pytest.mark.parametrize("count", [SIZE, 5_000, 20_000])
def test_the_error_over_seeds_is_the_stated_one(count: int) -> None:
    errors = [estimate(hashes(count, seed)) / count - 1 for seed in range(SEEDS)]
    assert math.sqrt(sum(error**2 for error in errors) / SEEDS) < 1.2 * ERROR
    assert abs(sum(errors) / SEEDS) < 3 * ERROR / math.sqrt(SEEDS), "it is biased"


@pytest.mark.parametrize("cut", [1, 700, SIZE, 1500, 5_000])
def test_what_is_trimmed_away_changes_no_estimate(cut: int) -> None:
    everything = sorted(hashes(5_000), key=hash)
    state: set[int] = set()
    for first in range(0, len(everything), cut):
        state = union(state, trimmed(set(everything[first : first + cut])))
        assert len(state) <= 2 * SIZE
    assert estimate(state) == estimate(set(everything)) == estimate(trimmed(state))
    assert trimmed(state) == set(sorted(everything)[:SIZE])


def test_a_state_that_is_sent_carries_the_smallest_hashes_alone() -> None:
    riders, state = Distinct("riders", column="user_id"), hashes(2 * SIZE)
    sent = riders.encode(state)
    assert len(sent) == SIZE
    assert riders.answer(riders.decode(sent), 60) == riders.answer(state, 60)


@given(st.sets(st.integers(0, 2**64 - 1), max_size=3 * FEW))
def test_few_and_many_are_written_alike(state: set[int]) -> None:
    assert ordered(state) == sorted(state)
    assert digits(state) == [f"{each:016x}" for each in sorted(state)]


def test_a_full_state_is_its_smallest_hashes() -> None:
    state = hashes(2 * SIZE)
    assert ordered(state) == sorted(state)[:SIZE] == [int(each, 16) for each in digits(state)]
    assert trimmed(state) == set(sorted(state)[:SIZE])
