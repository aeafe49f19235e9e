"""The exact path of a funnel in any order: a fold over one person's events, written as SQL.

A person has done n steps if n different events, each of another step, lie within the window, the earliest of them in
the time of the funnel. For each step the fold keeps the latest event of its class (of a step that is repeated, the
second latest for the second one, and so on), and the same of the events in the time of the funnel (`early`). Then at
each event, for each early one, it counts the steps whose latest event is not older.

The state is a tuple of Int64: the moment, how many excluded events it had, `latest` and `early` of each step (-1 for
none), and the shortest time for each number of steps, which is reckoned when the next event comes.
"""

from clickhouse.analytics.fold import NEVER, NONE, Fold, build
from clickhouse.analytics.funnel import Funnel
from clickhouse.analytics.step import EXCLUDED


def any_order(funnel: Funnel) -> Fold:
    """The fold of a funnel in any order."""
    return _AnyOrder(funnel).fold()


class _AnyOrder:
    """Writes the expressions of one funnel; steps count from 1."""

    def __init__(self, funnel: Funnel) -> None:
        self._funnel = funnel
        self._steps = range(1, len(funnel.steps) + 1)
        self._latest, self._early, self._took = (2 + part * len(funnel.steps) for part in range(3))

    def fold(self) -> Fold:
        """The fold."""
        following = ["e.1", f"if(e.1 = s.1, s.2, toInt64(0)) + (e.2 = {EXCLUDED})"]
        following += [self._event(self._latest, step, "") for step in self._steps]
        in_time = f" AND e.1 < {self._funnel.span.end_ms}"
        following += [self._event(self._early, step, in_time) for step in self._steps]
        following += [self._shortest(number) for number in self._steps]
        count = len(self._steps)
        return build([-1, 0, *[-1] * (2 * count), *[NEVER] * count], following, self._took + 1)

    def _event(self, place: int, step: int, condition: str) -> str:
        """The event of a step after this one: this one or, of a step that is repeated, that of the one before."""
        number = self._funnel.class_of[step - 1]
        before = [each for each in self._steps[: step - 1] if self._funnel.class_of[each - 1] == number]
        new = self._known(place + before[-1]) if before else "e.1"
        return f"if(e.2 = {number}{condition}, {new}, {self._known(place + step)})"

    def _known(self, field: int) -> str:
        """The event in a field; none if an excluded one has come after it, at another moment than both."""
        if not self._funnel.exclude:
            return f"s.{field}"
        return f"if(s.2 > 0 AND e.1 != s.1 AND s.{field} < s.1, {NONE}, s.{field})"

    def _shortest(self, number: int) -> str:
        """The shortest time in which so many steps were done."""
        known, start = f"s.{self._took + number}", f"greatest({', '.join(self._begun(s, number) for s in self._steps)})"
        return f"if({start} >= 0, least({known}, s.1 - {start}), {known})"

    def _begun(self, step: int, number: int) -> str:
        """The early event of a step, if so many steps were done since, within the window."""
        early = f"s.{self._early + step}"
        done = " + ".join(f"(s.{self._latest + each} >= {early})" for each in self._steps)
        return f"if({early} >= s.1 - {self._funnel.window} AND {done} >= {number}, {early}, {NONE})"
