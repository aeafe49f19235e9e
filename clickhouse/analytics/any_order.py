"""The exact path of a funnel in any order: passes over one person's events.

A person has done n steps if n different events, each of another step, lie within the window, the earliest of them in
the time of the funnel. For each step the passes keep, at each event, the latest event of its class so far (of a step
that is repeated, the second latest for the second one, and so on), and the same of the events in the time of the funnel
(`early`). Then at each event, for each early one, they count the steps whose latest event is not older.

Between events of one moment they see a part of it only, and that is one of the choices that there are.
"""

from collections.abc import Iterator

from clickhouse.analytics.funnel import Funnel
from clickhouse.analytics.passes import (
    AT,
    KIND,
    NONE,
    UNPACKED,
    Layer,
    Passes,
    before,
    bounds,
    goes_on,
    greatest,
    latest,
    lost,
    mapped,
)


def any_order(funnel: Funnel) -> Passes:
    """The passes of a funnel in any order."""
    return _AnyOrder(funnel).passes()


class _AnyOrder:
    """Writes the passes of one funnel; steps count from 1."""

    def __init__(self, funnel: Funnel) -> None:
        self._funnel = funnel
        self._steps = range(1, len(funnel.steps) + 1)

    def passes(self) -> Passes:
        """The passes."""
        layers = (UNPACKED, *lost(self._funnel), *self._events(), *self._ways())
        return Passes(layers, tuple(f"came_{number}" for number in self._steps))

    def _events(self) -> Iterator[Layer]:
        """The latest event of each step, and the latest that may be the earliest of a way."""
        for step in self._steps:
            yield {f"latest_{step}": self._latest(step)}
        end = self._funnel.span.end_ms
        yield {
            f"early_{step}": f"arrayFill((v, a) -> a < {end}, "
            f"{mapped(f'if(a < {end}, v, {NONE})', {'v': f'latest_{step}', 'a': AT})}, {AT})"
            for step in self._steps
        }

    def _latest(self, step: int) -> str:
        """The latest event of a step; of one that is repeated, that of the one before until this event came."""
        number = self._funnel.class_of[step - 1]
        same = [each for each in self._steps[: step - 1] if self._funnel.class_of[each - 1] == number]
        new = before(f"latest_{same[-1]}") if same else AT
        return latest(mapped(f"if(k = {number}, v, {NONE})", {"k": KIND, "v": new}))

    def _ways(self) -> Iterator[Layer]:
        """At each event how many steps were done since each early one, and the latest with as many as asked for."""
        others = {f"v_{step}": f"latest_{step}" for step in self._steps}
        done = " + ".join(f"({name} >= s)" for name in others)
        count = f"if({goes_on(self._funnel, 's')}, {done}, 0)"
        yield {
            f"done_{step}": mapped(count, {"s": f"early_{step}", **others, **bounds(self._funnel)})
            for step in self._steps
        }
        words = {f"e_{step}": f"early_{step}" for step in self._steps}
        words |= {f"d_{step}": f"done_{step}" for step in self._steps}
        yield {
            f"came_{number}": mapped(
                greatest([f"if(d_{step} >= {number}, e_{step}, {NONE})" for step in self._steps]), words
            )
            for number in self._steps
        }
