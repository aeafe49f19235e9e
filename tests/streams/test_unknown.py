"""A name that there is not is refused in one way: shown short, with what there is and what was perhaps meant."""

import doctest

from hypothesis import given
from hypothesis import strategies as st

from streams import unknown as module
from streams.unknown import SHOWN, nearest, unknown


def test_the_examples_hold() -> None:
    assert doctest.testmod(module) == (0, 2 + 1)


@given(st.text(max_size=40).map(lambda text: text * 9), st.lists(st.text(max_size=10), max_size=8))
def test_whatever_is_given_is_told_short_and_as_it_is(name: str, known: list[str]) -> None:
    error = unknown("There is no fruit {}.", name, known, code="unknown_fruit")

    assert str(error) == f"There is no fruit {name[:SHOWN]!r}."
    assert error.value == name[:SHOWN]
    assert {*error.near} <= {*known}
    assert error.hint


def test_a_long_name_costs_no_more_than_a_short_one() -> None:
    assert nearest("revenue" + "x" * 10_000_000, ["revenue" + "x" * 73]) == ("revenue" + "x" * 73,)


def test_another_hint_and_no_names_are_told() -> None:
    assert unknown("No {}.", "x", [], code="c").hint == "There is none."
    assert unknown("No {}.", "x", ["y"], code="c", hint="Look there.").hint == "Look there."
