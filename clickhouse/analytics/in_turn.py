"""The exact path of an ordered funnel whose steps are all different: a shorter fold, which takes events one by one.

Of one moment the events come in the order of the steps, which brings a person furthest, so that no moment need be
counted out as `fold` does. For each step the fold keeps the latest beginning of a way that stands there.

The state is a tuple of Int64: the moment and how many excluded events it had, if any are excluded; for each step the
latest beginning, -1 for none; and, if they are asked for or a beginning can be lost, the shortest times.
"""

from clickhouse.analytics.fold import NEVER, NONE, Fold, build
from clickhouse.analytics.funnel import Funnel
from clickhouse.analytics.step import EXCLUDED


def in_turn(funnel: Funnel) -> Fold:
    """The fold of an ordered funnel without a repeated step."""
    return _InTurn(funnel).fold()


class _InTurn:
    """Writes the expressions of one funnel; steps count from 1, and the class of a step is its number."""

    def __init__(self, funnel: Funnel) -> None:
        self._funnel = funnel
        self._steps = range(1, len(funnel.steps) + 1)
        self._stands = 2 if funnel.exclude else 0
        self._took = self._stands + len(funnel.steps)

    def fold(self) -> Fold:
        """The fold."""
        begin, following = [-1] * len(self._steps), [self._stand(step) for step in self._steps]
        if self._funnel.exclude:
            begin = [-1, 0, *begin]
            following = ["e.1", f"if(e.1 = s.1, s.2, toInt64(0)) + (e.2 = {EXCLUDED})", *following]
        if not self._funnel.times and not self._funnel.exclude:
            return build(begin, following, reached=[f"state.{self._stands + step} >= 0" for step in self._steps])
        begin += [NEVER] * len(self._steps)
        return build(begin, [*following, *(self._shortest(step) for step in self._steps)], took=self._took + 1)

    def _known(self, step: int) -> str:
        """The latest beginning before the event; none if an excluded one has come after it, at another moment."""
        field = f"s.{self._stands + step}"
        if not self._funnel.exclude:
            return field
        return f"if(s.2 > 0 AND e.1 != s.1 AND {field} < s.1, {NONE}, {field})"

    def _goes_on(self, step: int) -> str:
        """Whether the event is the step, and a way can go on to it."""
        if step == 1:
            return f"e.2 = 1 AND e.1 < {self._funnel.span.end_ms}"
        known = self._known(step - 1)
        return f"e.2 = {step} AND {known} >= 0 AND e.1 - {known} <= {self._funnel.window}"

    def _from(self, step: int) -> str:
        """The beginning of the way that goes on."""
        return "e.1" if step == 1 else self._known(step - 1)

    def _stand(self, step: int) -> str:
        return f"if({self._goes_on(step)}, {self._from(step)}, {self._known(step)})"

    def _shortest(self, step: int) -> str:
        known = f"s.{self._took + step}"
        return f"if({self._goes_on(step)}, least({known}, e.1 - {self._from(step)}), {known})"
