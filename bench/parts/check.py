"""Whether a contestant has done its part: what it has counted must be what a plain look at the messages counts."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.parts.entrants import COPY, INSERT, INSERT_VIEWS, Entrant
from bench.parts.feed import Feed
from bench.parts.order import Order, Part
from bench.parts.work import Found
from bench.peers.check import SHOWN, WrongWork, differences

COPIES = 8
"""How often the bytes of all values are copied: one time alone is over at once."""


@dataclass(frozen=True, slots=True)
class Task:
    """One lap's order, and what has to come of it."""

    order: Order
    wanted: Found
    known: Callable[[Found], Found]
    """What of the counts found can be held to the truth."""
    bytes_a_record: float
    """Of values, without keys and heads."""


def task(entrant: Entrant, part: Part, feed: Feed) -> Task:
    """The task over everything that has been sent so far."""
    plain = feed.plain
    order, size = plain.order(part), plain.sizes.total()
    if part is not Part.LIMITS:
        wanted = plain.wanted(part)
    elif entrant.name == COPY:
        order = order._replace(records=COPIES * order.records, readable=COPIES * size)
        wanted = {"bytes": order.readable}
    elif entrant.name in (INSERT, INSERT_VIEWS):
        wanted = dict(feed.truth.rows)
        order = order._replace(records=sum(wanted.values()))
    elif entrant.name == "raw_fetch":
        wanted = {"records": order.records}
    else:
        wanted = plain.wanted(Part.DECODE)
    return Task(order, wanted, lambda found: plain.known(part, found), size / plain.records.total())


def hold(name: str, task: Task, found: Found) -> None:
    """Hold what was counted against the truth. Raises WrongWork."""
    wrong = differences(task.order.part, task.known(found), task.wanted)
    if wrong:
        more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise WrongWork(f"{name} has not done its part: {'; '.join(wrong[:SHOWN])}{more}")
