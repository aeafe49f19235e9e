"""The protocol of the delivery, searched: every state of a small world keeps the promises, and every rule is needed.

Two workers that both believe to own the shard, one log, one table; a worker may die at any step, an answer may be lost,
an append or an insert may arrive late, ClickHouse may die between token and part, the log may be cut. Some worlds have
more: a row that ClickHouse refuses, a log that does not last, a view that is made in the middle, live numbers, repeats.
"""

import re
from pathlib import Path

import pytest

from tests.model import intake
from tests.model.delivery import delivery
from tests.model.rules import NAMES, Bounds, Rules
from tests.model.search import search

ONE_REFUSED = Bounds(faults=0, refused=frozenset({1}))
SHORT_LOG = Bounds(offsets=1, clock=4, faults=0, retention=2)
VIEW = Bounds(offsets=1, proposals=1, view=True)
LIVE = Bounds(clock=0, live=True)
REPEATS = Bounds(offsets=3, clock=0, faults=0, repeats=True)

SMALL = [
    Bounds(offsets=1),
    Bounds(proposals=1),
    Bounds(faults=0),
    ONE_REFUSED,
    SHORT_LOG,
    VIEW,
    LIVE,
    REPEATS,
]
LARGE = [
    Bounds(),
    Bounds(offsets=1, faults=2, proposals=3),
    Bounds(refused=frozenset({1})),
    Bounds(offsets=1, clock=4, retention=2),
    Bounds(view=True, faults=0),
    Bounds(offsets=1, clock=2, live=True),
    Bounds(offsets=3, clock=0, repeats=True),
]
MISSED_IN = {
    "counted": Bounds(faults=2),
    "refused": ONE_REFUSED,
    "lasts": SHORT_LOG,
    "hold": VIEW,
    "state": LIVE,
    "stamp": LIVE,
}
"""The world in which a rule is missed, where the default one can do without: faults must meet, or it lacks a part."""

LONG = {"settle"}
"""Rules without which much is searched before a promise is broken."""
DOCUMENT = Path(__file__).parents[2] / "docs/exactly-once.md"


@pytest.mark.parametrize("bounds", SMALL, ids=str)
def test_no_state_breaks_a_promise(bounds: Bounds) -> None:
    found = search(delivery(Rules(), bounds))
    assert found.way == []
    assert found.complete, "in no state everything has arrived: nothing was shown"
    assert found.states > 1000


@pytest.mark.faults
@pytest.mark.parametrize("bounds", LARGE, ids=str)
def test_no_state_of_a_larger_world_breaks_a_promise(bounds: Bounds) -> None:
    found = search(delivery(Rules(), bounds), most=20_000_000)
    assert found.way == []
    assert found.complete
    assert found.states > 10_000


@pytest.mark.parametrize("rule", [pytest.param(n, marks=pytest.mark.faults) if n in LONG else n for n in NAMES])
def test_without_a_rule_a_promise_is_broken(rule: str) -> None:
    found = search(delivery(Rules().without(rule), MISSED_IN.get(rule, Bounds())))
    assert found.way or not found.complete, f"nothing needs the rule {rule}"


def test_without_the_memory_from_the_rows_a_repeat_gets_a_row() -> None:
    """R12 is about windows and repeats: the former are looked at above."""
    found = search(delivery(Rules().without("state"), REPEATS))
    assert found.way[-1] == "an event that was sent twice has two rows"


@pytest.mark.parametrize("faults", [0, 1, 2])
def test_all_that_was_sent_is_taken(faults: int) -> None:
    found = search(intake.intake(intake.Rules(), faults))
    assert found.way == []
    assert found.complete


@pytest.mark.parametrize("rule", ["whole", "gaps", "audit"])
def test_without_a_rule_of_the_intake_a_promise_is_broken(rule: str) -> None:
    assert search(intake.intake(intake.Rules().without(rule), 1)).way, f"nothing needs the rule {rule}"


def test_every_rule_of_the_protocol_is_one_that_a_model_can_leave_out() -> None:
    """Those of the document, by the names that the models' rules bear in brackets."""
    folder = Path(__file__).parent
    left_out = set(
        re.findall(r'"""\[([^\]]+)\]', (folder / "rules.py").read_text() + (folder / "intake.py").read_text())
    )
    told = set(re.findall(r"^\| (R\d+) \*", DOCUMENT.read_text(), re.MULTILINE))
    assert told == {f"R{number}" for number in range(1, 13)}
    assert told | {"The chain"} <= left_out
