"""The watermark: bounded disorder, idle topics, and what never goes back."""

from hypothesis import given
from hypothesis import strategies as st

from tables.watermark import Watermark

NOW = 1_800_000_000_000


def test_it_is_the_least_of_its_topics() -> None:
    mark = Watermark("ab", disorder=10)
    mark.seen("a", NOW - 1000, NOW)
    assert mark.advance([], NOW) == 0
    mark.seen("b", NOW - 500, NOW)
    assert mark.advance([], NOW) == NOW - 1010


def test_an_idle_topic_does_not_hold_the_others() -> None:
    mark = Watermark("ab", disorder=10)
    mark.seen("a", NOW - 1000, NOW)
    assert mark.advance(["b"], NOW) == NOW - 1010
    assert mark.advance(["a", "b"], NOW) == NOW - 10


def test_a_topic_with_records_waiting_holds_its_place() -> None:
    mark = Watermark("ab", disorder=10, start=NOW - 5000)
    assert mark.advance(["a"], NOW) == NOW - 5000


def test_without_any_event_there_is_no_watermark() -> None:
    mark = Watermark("ab", disorder=10)
    assert mark.advance(["a", "b"], NOW) == 0
    mark.seen("a", NOW - 9_000_000, NOW)
    assert mark.advance(["b"], NOW) == NOW - 9_000_010


def test_an_event_ahead_of_the_clock_counts_as_now() -> None:
    mark = Watermark("a", disorder=10)
    mark.seen("a", NOW + 300_000, NOW)
    assert mark.advance([], NOW) == NOW - 10


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(-(10**6), 10**6), st.sampled_from(["", "a", "b", "ab"]))))
def test_it_never_goes_back(steps: list[tuple[str, int, str]]) -> None:
    mark = Watermark("ab", disorder=10)
    last = 0
    for number, (topic, ahead, idle) in enumerate(steps):
        mark.seen(topic, NOW + ahead, NOW + number)
        assert last <= mark.advance(idle, NOW + number) <= NOW + number
        last = mark.value
