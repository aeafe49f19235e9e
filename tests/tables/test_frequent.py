"""The summary of frequent values is exact within its bound, and short by a stated share beyond it."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from tables.aggregates import Top
from tables.frequent import KEPT, MOST, trimmed

TOP = Top("pages", column="url", n=3)


def test_up_to_the_bound_every_value_is_counted() -> None:
    values = [f"/{number}" for number in range(MOST)] * 2
    state = TOP.merge(TOP.fold([values], 1) or {}, TOP.fold([values[:5]], 1) or {})
    assert state == Counter(values) + Counter(values[:5])


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 8), st.integers(1, 60))
def test_beyond_the_bound_no_value_is_short_by_more_than_a_thousandth(batches: int, heavy: int) -> None:
    """Each batch has new values that nobody has seen, and some that all have."""
    counted: Counter[str] = Counter()
    state: dict[str, int] = {}
    for batch in range(batches):
        values = [f"/once/{batch}/{number}" for number in range(MOST)]
        values += [f"/often/{number % heavy}" for number in range(MOST)]
        counted.update(values)
        state = TOP.merge(state, TOP.fold([values], 1) or {})
        assert len(state) <= MOST
    bound = counted.total() / (KEPT + 1)
    assert all(count - bound <= state.get(value, 0) <= count for value, count in counted.items())
    assert {value for value, _ in TOP.answer(state, 60)} <= {f"/often/{number}" for number in range(heavy)}


def test_who_comes_late_takes_the_place_of_those_who_come_no_more() -> None:
    """Dropping the rare ones alone would drop it each time, for each time it is rarer than what was there before."""
    state, total = {f"/once often/{number}": 10 for number in range(KEPT)}, 10 * KEPT
    for batch in range(1, 31):
        values = ["/new"] * 9 + [f"/once/{batch}/{number}" for number in range(MOST - 1)]
        state, total = TOP.merge(state, TOP.fold([values], 1) or {}), total + len(values)
        assert state.get("/new", 0) >= 9 * batch - total / (KEPT + 1)
    assert TOP.answer(state, 60)[0][0] == "/new"


def test_what_nobody_has_twice_takes_no_memory() -> None:
    state: dict[str, int] = {}
    for batch in range(20):
        state = TOP.merge(state, {f"/{batch}/{number}": 1 for number in range(MOST)})
        assert len(state) <= MOST


def test_a_summary_within_its_bound_is_left_as_it_is() -> None:
    assert trimmed({"/a": 2}) == {"/a": 2}
