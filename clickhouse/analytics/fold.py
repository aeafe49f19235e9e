"""The exact path of a strict funnel, or of one with repeated steps: a fold over one person's events, written as SQL.

Events of one moment have no order of their own. So the fold goes from moment to moment, and knows of each only how many
events of each class it had: a person goes from step k to step m in it if it has as many of each class as the steps
between need. For each step the fold keeps the latest beginning of a way that stands there, because that one stays in
the window for longest and has passed the fewest exclusions.

The state is a tuple of Int64: the moment; how many events it had (strict), or excluded ones (otherwise); its events of
each class; for each step the latest beginning of a way that stood there before the moment, -1 for none; and the
shortest time in which it was reached. What a moment brings is reckoned when the next event comes, so that the
expressions read the state alone; `LAST` comes after every journey.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from clickhouse.analytics.funnel import Funnel, Order
from clickhouse.analytics.step import EXCLUDED, OTHER

NEVER: Final = 2**62
"""The time of a step that was not reached."""
NONE: Final = "toInt64(-1)"
LAST: Final = f"(toInt64(-2), toInt8({OTHER}))"
"""An event at no moment, which ends a journey."""


@dataclass(frozen=True)
class Fold:
    """A fold over an array of (milliseconds, number of the class)."""

    begin: str
    """The state before the first event."""
    next: str
    """The state after an event `e`, from the state `s` before it."""
    reached: tuple[str, ...]
    """Of each step whether it was reached, told by the last `state`."""
    took: tuple[str, ...]
    """Of each step the time, told by the last `state`, where times are kept."""


def build(begin: list[int], following: list[str], took: int = 0, reached: Sequence[str] = ()) -> Fold:
    """The fold of a state whose fields are these; the last ones, from field `took` on, are the times of the steps.

    Without times, `reached` says what else tells that a step was reached.
    """
    kind = f"'Tuple({', '.join(['Int64'] * len(begin))})'"
    times = tuple(f"state.{field}" for field in range(took, len(begin) + 1)) if took else ()
    return Fold(
        f"CAST(tuple({', '.join(map(str, begin))}), {kind})",
        f"CAST(tuple({', '.join(following)}), {kind})",
        tuple(reached) or tuple(f"{time} < {NEVER}" for time in times),
        times,
    )


def ordered(funnel: Funnel) -> Fold:
    """The fold of an ordered or a strict funnel."""
    return _Ordered(funnel).fold()


class _Ordered:
    """Writes the expressions of one funnel; steps and classes count from 1."""

    def __init__(self, funnel: Funnel) -> None:
        self._funnel = funnel
        self._is_strict = funnel.order is Order.STRICT
        self._counts = 2
        self._stood = self._counts + len(funnel.classes)
        self._took = self._stood + len(funnel.steps)

    def fold(self) -> Fold:
        """The fold."""
        steps = range(1, len(self._funnel.steps) + 1)
        classes = range(1, len(self._funnel.classes) + 1)
        counted = "1" if self._is_strict else f"(e.2 = {EXCLUDED})"
        following = ["e.1", f"if(e.1 = s.1, s.2, toInt64(0)) + {counted}"]
        following += [f"if(e.1 = s.1, s.{self._counts + n}, toInt64(0)) + (e.2 = {n})" for n in classes]
        following += [f"if(e.1 = s.1, s.{self._stood + step}, {self._stands(step)})" for step in steps]
        following += [self._shortest(step) for step in steps]
        begin = [-1, *[0] * (1 + len(classes)), *[-1] * len(steps), *[NEVER] * len(steps)]
        return build(begin, following, self._took + 1)

    def _from(self, step: int) -> str:
        """The beginning of a way that goes on from a step at the moment; from 0 it begins there."""
        if not step:
            return f"if(s.1 < {self._funnel.span.end_ms}, s.1, {NONE})"
        known = f"s.{self._stood + step}"
        return f"if({known} >= 0 AND s.1 - {known} <= {self._funnel.window}, {known}, {NONE})"

    def _can(self, start: int, step: int) -> str:
        """Whether the moment has the events to go from one step to another."""
        wanted = self._funnel.class_of[start:step]
        needs = {number: wanted.count(number) for number in wanted}
        return " AND ".join(f"s.{self._counts + number} >= {count}" for number, count in needs.items())

    def _reached(self, step: int) -> str:
        """The latest beginning of a way that reaches a step at the moment."""
        return _greatest([f"if({self._can(start, step)}, {self._from(start)}, {NONE})" for start in range(step)])

    def _stands(self, step: int) -> str:
        """The latest beginning of a way that stands at a step after the moment, and may go on."""
        if self._is_strict:
            # What came in must have used up the moment; what began in it may have begun with its last events.
            used = {start: f"s.2 = {step - start} AND " if start else "" for start in range(step)}
            return _greatest(
                [f"if({used[start]}{self._can(start, step)}, {self._from(start)}, {NONE})" for start in range(step)]
            )
        latest = _greatest([self._reached(step), f"s.{self._stood + step}"])
        # What lies at the very moment of a beginning need not lie after it.
        return f"if(s.2 > 0 AND {latest} != s.1, {NONE}, {latest})" if self._funnel.exclude else latest

    def _shortest(self, step: int) -> str:
        """The shortest time in which a step was reached."""
        known, start = f"s.{self._took + step}", self._reached(step)
        return f"if({start} >= 0, least({known}, s.1 - {start}), {known})"


def _greatest(ways: list[str]) -> str:
    return ways[0] if len(ways) == 1 else f"greatest({', '.join(ways)})"
