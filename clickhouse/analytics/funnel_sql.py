"""The statements that answer a funnel, by either path."""

from typing import Any, Final

from clickhouse.analytics import journey, step
from clickhouse.analytics.any_order import any_order
from clickhouse.analytics.fold import LAST, Fold, ordered
from clickhouse.analytics.funnel import MOST_STEPS, Funnel, Order, Path
from clickhouse.analytics.in_turn import in_turn
from clickhouse.analytics.template import fill

ROOM: Final = 2 * MOST_STEPS
"""Places of the fast path within a millisecond, one for each step."""
P50, P90 = 0.5, 0.9
_Values = dict[str, Any]


def groups(funnel: Funnel, path: Path) -> tuple[str, _Values]:
    """The statement and its parameters: columns `value` and, for each step, `people` and the times if asked for.

    The times are, of those who reached the step: their sum, median and 90th percentile, in milliseconds.
    """
    people, values, fold = _people(funnel, path)
    measures = []
    for place in range(1, len(funnel.steps) + 1):
        at = f"level >= {place}"
        measures.append(f"countIf({at}) AS people_{place}")
        if funnel.times and fold is not None:
            took = fold.took[place - 1]
            measures.append(f"sumIf({took}, {at}) AS total_{place}")
            measures += [f"quantileExactIf({p})({took}, {at}) AS p{round(100 * p)}_{place}" for p in (P50, P90)]
    sql = fill("funnel_groups", measures=", ".join(measures), people=people, settings=_settings(path))
    return sql, values | {"most": funnel.limit + 1}


def at_step(funnel: Funnel, path: Path, place: int, left: bool, after: str, most: int) -> tuple[str, _Values]:
    """The statement and its parameters: ids of people who came to a step, or who left there."""
    people, values, _ = _people(funnel, path)
    at = f"level {'=' if left else '>='} {place}"
    sql = fill("funnel_people", people=people, at=at, settings=_settings(path))
    return sql, values | {"after": after, "most": most}


def _settings(path: Path) -> str:
    """A fold costs by the block, and persons grouped in two levels come in 256 of them."""
    if path is Path.FAST:
        return ""
    return "SETTINGS group_by_two_level_threshold = 0, group_by_two_level_threshold_bytes = 0"


def _people(funnel: Funnel, path: Path) -> tuple[str, _Values, Fold | None]:
    """One row a person, by either path; the fold where there is one."""
    read, values = _read(funnel)
    entered = f"step {'>' if funnel.order is Order.ANY else '='} {_least(funnel)} AND ms < {funnel.span.end_ms}"
    value = f"argMinIf(split, (ms, split), {entered})" if funnel.by else "''"
    if path is Path.FAST:
        later = [f"step = {number}" for number in range(2, len(funnel.steps) + 1)]
        window = funnel.window * ROOM + ROOM - 1
        conditions = ", ".join([entered, *later])
        fast = fill("funnel_fast", value=value, window=f"{window}", room=f"{ROOM}", conditions=conditions, **read)
        return fast, values, None
    fold = _fold(funnel)
    level = f"toUInt8({' + '.join(f'({reached})' for reached in fold.reached)})"
    exact = fill(
        "funnel_exact",
        next=fold.next,
        begin=fold.begin,
        last=LAST,
        level=level,
        value=value,
        entered=entered,
        **read,
    )
    return exact, values, fold


def _fold(funnel: Funnel) -> Fold:
    """The shortest fold that tells all."""
    if funnel.order is Order.ANY:
        return any_order(funnel)
    is_plain = funnel.order is Order.ORDERED and len(funnel.classes) == len(funnel.steps)
    return in_turn(funnel) if is_plain else ordered(funnel)


def _least(funnel: Funnel) -> int:
    """The number of the first step, or the one below all steps."""
    return step.OTHER if funnel.order is Order.ANY else funnel.class_of[0]


def _read(funnel: Funnel) -> tuple[dict[str, str], _Values]:
    """What is read of which events, as expressions, and the parameters."""
    span = funnel.span
    condition, values = journey.rows(span, span.begin, funnel.until)
    number, is_step = step.numbered(span.domain, funnel.classes, funnel.exclude, values)
    # Where nothing may lie between, everything that a person did counts.
    kept = condition if funnel.order is Order.STRICT else f"{condition} AND {is_step}"
    split = step.value_of(span.domain, funnel.by) if funnel.by else "''"
    events = fill("events", person=span.actor.expression, step=number, split=split)
    return {"events": events, "table": span.domain.raw_table, "condition": kept}, values
