"""The exact path of an ordered funnel whose steps are all different: passes that take events one by one.

Of one moment the events come in the order of the steps, which brings a person furthest. A way that stands at a step is
known by its beginning; the latest one stays in the window for longest and has passed the fewest exclusions. So each
step asks of its events only when the latest way began that stands at the step before.
"""

from clickhouse.analytics.funnel import Funnel
from clickhouse.analytics.passes import AT, KIND, NONE, UNPACKED, Layer, Passes, bounds, goes_on, latest, lost, mapped


def in_turn(funnel: Funnel) -> Passes:
    """The passes of an ordered funnel without a repeated step."""
    steps = range(1, len(funnel.steps) + 1)
    layers = (UNPACKED, *lost(funnel), _begun(funnel), *(_step(funnel, number) for number in steps[1:]))
    return Passes(layers, tuple(f"came_{number}" for number in steps))


def _begun(funnel: Funnel) -> Layer:
    is_first = f"if(k = 1 AND a < {funnel.span.end_ms}, a, {NONE})"
    return {"came_1": mapped(is_first, {"k": KIND, "a": AT})}


def _step(funnel: Funnel, number: int) -> Layer:
    """When the way began that comes to a step, at each event of the step."""
    comes = f"if(k = {number} AND {goes_on(funnel, 's')}, s, {NONE})"
    words = {"k": KIND, "s": latest(f"came_{number - 1}"), **bounds(funnel)}
    return {f"came_{number}": mapped(comes, words)}
