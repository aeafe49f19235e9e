"""The exact path of a strict funnel, or of one with repeated steps: passes that go from moment to moment.

Events of one moment have no order of their own. So all that is known of a moment is how many events of each class it
had: a person goes from step k to step m in it if it has as many of each class as the steps between need. For each step
the passes keep the latest beginning of a way that stands there, because that one stays in the window for longest and
has passed the fewest exclusions.

A way that comes to a step later began no earlier: to stand at step m it stood at all steps below, where the latest
beginning is at least as late. So what comes last is the latest, and nothing need be compared.
"""

from collections.abc import Iterator

from clickhouse.analytics.funnel import Funnel, Order
from clickhouse.analytics.passes import (
    AT,
    KIND,
    LOST,
    NONE,
    UNPACKED,
    Layer,
    Passes,
    before,
    bounds,
    goes_on,
    greatest,
    latest,
    mapped,
)
from clickhouse.analytics.step import EXCLUDED

MOMENT = "moment"
_ALL = "had_all"


def by_moment(funnel: Funnel) -> Passes:
    """The passes of an ordered or a strict funnel."""
    return _ByMoment(funnel).passes()


class _ByMoment:
    """Writes the passes of one funnel; steps and classes count from 1."""

    def __init__(self, funnel: Funnel) -> None:
        self._funnel = funnel
        self._is_strict = funnel.order is Order.STRICT
        self._steps = range(1, len(funnel.steps) + 1)

    def passes(self) -> Passes:
        """The passes."""
        came = tuple(f"came_{step}" for step in self._steps)
        return Passes((UNPACKED, *self._moments(), *self._ways()), came, MOMENT)

    def _moments(self) -> Iterator[Layer]:
        """Moments, each once, and how many events of each class they had."""
        following = f"arrayPushBack(arrayPopFront({AT}), toInt64(-2))"
        yield {"is_last": mapped("a != b", {"a": AT, "b": following})}
        had = {f"had_{number}": _had(_of_kind(number)) for number in range(1, len(self._funnel.classes) + 1)}
        if self._is_strict:
            had[_ALL] = _had(f"arrayEnumerate({AT})")
        if self._funnel.exclude:
            had["had_excluded"] = _had(_of_kind(EXCLUDED))
        yield {MOMENT: f"arrayFilter((a, e) -> e, {AT}, is_last)", **had}
        if self._funnel.exclude:
            spoilt = mapped(f"if(h > 0, a, {NONE})", {"h": "had_excluded", "a": MOMENT})
            yield {LOST: before(latest(spoilt))}

    def _ways(self) -> Iterator[Layer]:
        """For each step the ways that may go on from the one before, those that come to it, and those that stay."""
        yield {"from_0": mapped(f"if(a < {self._funnel.span.end_ms}, a, {NONE})", {"a": MOMENT})}
        for step in self._steps:
            if step > 1:
                words = {"s": before(f"stood_{step - 1}"), **bounds(self._funnel, MOMENT)}
                yield {f"from_{step - 1}": mapped(f"if({goes_on(self._funnel, 's')}, s, {NONE})", words)}
            yield {f"came_{step}": self._best(step, uses_up=False)}
            # Strict: what came into the moment must have used it up; what began in it may have begun with its last.
            stood = self._best(step, uses_up=True) if self._is_strict else latest(f"came_{step}")
            yield {f"stood_{step}": stood}

    def _best(self, step: int, *, uses_up: bool) -> str:
        """The latest beginning of a way that reaches a step at the moment, from whichever step before."""
        ways = []
        for start in range(step):
            needs = self._needs(start, step)
            if uses_up and start:
                needs.append(f"h_all = {step - start}")
            ways.append(f"if({' AND '.join(needs)}, f_{start}, {NONE})")
        froms = {f"f_{start}": f"from_{start}" for start in range(step)}
        had = {f"h_{number}": f"had_{number}" for number in sorted({*self._funnel.class_of[:step]})}
        every = {"h_all": _ALL} if uses_up else {}
        return mapped(greatest(ways), froms | had | every)

    def _needs(self, start: int, step: int) -> list[str]:
        """What a moment must have to bring a way from one step to another."""
        wanted = self._funnel.class_of[start:step]
        return [f"h_{number} >= {wanted.count(number)}" for number in dict.fromkeys(wanted)]


def _of_kind(number: int) -> str:
    return f"arrayCumSum(arrayMap(k -> k = {number}, {KIND}))"


def _had(counted: str) -> str:
    """How many each moment had, of a count that runs over all events."""
    at_ends = f"arrayMap(c -> toInt64(c), arrayFilter((c, e) -> e, {counted}, is_last))"
    return f"arrayPopFront(arrayDifference(arrayPushFront({at_ends}, toInt64(0))))"
