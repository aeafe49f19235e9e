"""The protocol of the delivery, searched: every state of a small world keeps the promises, and every rule is needed.

Two workers that both believe to own the shard, one log, one table; a worker may die at any step, an answer may be lost,
an append or an insert may arrive late, ClickHouse may die between token and part, the log may be cut.
"""

import pytest

from tests.model.rules import NAMES, Bounds, Rules
from tests.model.search import search

SMALL = [Bounds(offsets=1, faults=1), Bounds(offsets=2, faults=1, proposals=1), Bounds(offsets=2, faults=0)]
LARGE = [Bounds(offsets=2, faults=1, proposals=2), Bounds(offsets=1, faults=2, proposals=3)]
FAULTS = {"counted": 2}
"""Faults that must meet for a rule to be missed, where one is not enough."""

LONG = {"settle"}
"""Rules without which much is searched before a promise is broken."""


@pytest.mark.parametrize("bounds", SMALL, ids=str)
def test_no_state_breaks_a_promise(bounds: Bounds) -> None:
    states, way, complete = search(Rules(), bounds)
    assert way == []
    assert complete, "no state has all rows: nothing was shown"
    assert states > 10_000


@pytest.mark.faults
@pytest.mark.parametrize("bounds", LARGE, ids=str)
def test_no_state_of_a_larger_world_breaks_a_promise(bounds: Bounds) -> None:
    states, way, complete = search(Rules(), bounds, most=20_000_000)
    assert way == []
    assert complete
    assert states > 900_000


@pytest.mark.parametrize("rule", [pytest.param(n, marks=pytest.mark.faults) if n in LONG else n for n in NAMES])
def test_without_a_rule_a_promise_is_broken(rule: str) -> None:
    _, way, _ = search(Rules().without(rule), Bounds(faults=FAULTS.get(rule, 1)))
    assert way, f"nothing needs the rule {rule}"
