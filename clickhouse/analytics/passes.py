"""The exact path of a funnel: passes over each person's journey, which lies in arrays, written as SQL.

A journey is an array of events in order of time, each one number: its milliseconds times `ROOM`, and its kind, which is
the number of its class, `OTHER` or `EXCLUDED`. A pass is an expression over whole arrays, such as: when the latest way
that stands at step 2 began, for each event. ClickHouse runs it over the events of thousands of people at once, where a
fold that takes event by event spends its time on handing its state on.

Passes come in layers, each of which reads the names of those below; a layer is a subquery, for names that are put into
each other would grow with every step.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from clickhouse.analytics.funnel import Funnel
from clickhouse.analytics.step import EXCLUDED, ROOM

NONE: Final = "toInt64(-1)"
"""No moment."""
NEVER: Final = 2**62
"""The time of a step that was not reached."""
AT, KIND, LOST = "at", "kind", "lost"
"""Of each event its moment, its kind, and the moment of the latest excluded event before that."""
Layer = Mapping[str, str]
"""Name: expression."""
UNPACKED: Final[Layer] = {
    AT: f"arrayMap(e -> intDiv(e, {ROOM}), journey)",
    KIND: f"arrayMap(e -> toUInt8(e % {ROOM}), journey)",
}
"""The first layer."""


@dataclass(frozen=True)
class Passes:
    """What tells how far a person came, and how fast."""

    layers: tuple[Layer, ...]
    """From the journey up."""
    came: tuple[str, ...]
    """Of each step the name of an array: for each moment of `at` when the way began that comes to the step, or none."""
    at: str = AT
    """The name of the moments."""

    @property
    def reached(self) -> tuple[str, ...]:
        """Of each step whether the person came to it."""
        return tuple(f"arrayExists(v -> v >= 0, {name})" for name in self.came)

    @property
    def took(self) -> tuple[str, ...]:
        """Of each step the shortest time, in milliseconds; `NEVER` for none."""
        return tuple(
            f"arrayMin(arrayMap((v, a) -> if(v >= 0, a - v, {NEVER}), {name}, {self.at}))" for name in self.came
        )

    def over(self, journeys: str) -> str:
        """The statement that has all these names beside the columns of `journeys`."""
        for layer in self.layers:
            named = ", ".join(f"{expression} AS {name}" for name, expression in layer.items())
            journeys = f"SELECT *, {named} FROM ({journeys})"
        return journeys


def mapped(expression: str, arguments: Mapping[str, str]) -> str:
    """The array of what an expression says at each place; its words, and the arrays that they stand for."""
    return f"arrayMap(({', '.join(arguments)}) -> {expression}, {', '.join(arguments.values())})"


def latest(values: str) -> str:
    """At each place the last value up to there that is one."""
    return f"arrayFill(v -> v >= 0, {values})"


def before(values: str) -> str:
    """At each place the value of the one before it; none at the first."""
    return f"arrayPushFront(arrayPopBack({values}), {NONE})"


def greatest(values: Sequence[str]) -> str:
    """The greatest of these expressions."""
    return values[0] if len(values) == 1 else f"greatest({', '.join(values)})"


def lost(funnel: Funnel) -> Iterator[Layer]:
    """The layer that tells, of each event, the latest excluded one before its moment; nothing if none is excluded.

    In its own moment an excluded event lies behind all others, so that they do not see it.
    """
    if funnel.exclude:
        yield {LOST: latest(mapped(f"if(k = {EXCLUDED}, a, {NONE})", {"k": KIND, "a": AT}))}


def goes_on(funnel: Funnel, began: str) -> str:
    """Whether a way may go on at the moment `a`: it is one, in its window, and nothing excluded (`l`) came since."""
    least = [f"a - {funnel.window}", "0", *(["l"] if funnel.exclude else [])]
    return f"{began} >= greatest({', '.join(least)})"


def bounds(funnel: Funnel, at: str = AT) -> dict[str, str]:
    """The words that `goes_on` reads."""
    return {"a": at, **({"l": LOST} if funnel.exclude else {})}
