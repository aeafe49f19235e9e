"""The statements that answer a funnel, by either path."""

from dataclasses import replace
from typing import Any

from clickhouse.analytics import journey, step
from clickhouse.analytics.any_order import any_order
from clickhouse.analytics.funnel import Funnel, Order, Path
from clickhouse.analytics.in_turn import in_turn
from clickhouse.analytics.moments import by_moment
from clickhouse.analytics.passes import Passes
from clickhouse.analytics.step import ROOM
from clickhouse.analytics.template import IN_PARTS, fill
from streams.events import registry

P50, P90 = 0.5, 0.9
_Values = dict[str, Any]


def groups(funnel: Funnel, path: Path) -> tuple[str, _Values]:
    """The statement and its parameters: columns `value` and, for each step, `people` and the times if asked for.

    The times are, of those who reached the step: their sum, median and 90th percentile, in milliseconds.
    """
    people, values = _people(funnel, path)
    measures = []
    for place in range(1, len(funnel.steps) + 1):
        at = f"level >= {place}"
        measures.append(f"countIf({at}) AS people_{place}")
        if funnel.times:
            took = f"took_{place}"
            measures.append(f"sumIf({took}, {at}) AS total_{place}")
            measures += [f"quantileExactIf({p})({took}, {at}) AS p{round(100 * p)}_{place}" for p in (P50, P90)]
    sql = fill("funnel_groups", measures=", ".join(measures), people=people, settings=IN_PARTS)
    return sql, values | {"most": funnel.limit + 1}


def at_step(funnel: Funnel, path: Path, place: int, left: bool, after: str, most: int) -> tuple[str, _Values]:
    """The statement and its parameters: ids of people who came to a step, or who left there."""
    people, values = _people(funnel, path)
    at = f"level {'=' if left else '>='} {place}"
    sql = fill("funnel_people", people=people, at=at, settings=IN_PARTS)
    return sql, values | {"after": after, "most": most}


def _people(funnel: Funnel, path: Path) -> tuple[str, _Values]:
    """One row a person, by either path; with `took_<step>` if times are asked for."""
    read, values = _read(funnel)
    entered = f"step BETWEEN 1 AND {_last_entry(funnel)} AND ms < {funnel.span.end_ms}"
    read["value"] = step.first_value(entered) if funnel.by else "''"
    if path is Path.FAST:
        later = [f"step = {number}" for number in range(2, len(funnel.steps) + 1)]
        conditions = ", ".join([entered, *later])
        window = f"{funnel.window * ROOM + ROOM - 1}"
        return fill("funnel_fast", window=window, room=f"{ROOM}", conditions=conditions, **read), values
    passes = _passes(funnel)
    times = [f", {took} AS took_{place}" for place, took in enumerate(passes.took, 1)] if funnel.times else []
    exact = fill(
        "funnel_exact",
        level=f"toUInt8({' + '.join(passes.reached)})",
        times="".join(times),
        passes=passes.over(fill("funnel_journeys", room=f"{ROOM}", entered=entered, **read)),
    )
    return exact, values


def _passes(funnel: Funnel) -> Passes:
    """The shortest passes that tell all."""
    if funnel.order is Order.ANY:
        return any_order(funnel)
    is_plain = funnel.order is Order.ORDERED and len(funnel.classes) == len(funnel.steps)
    return in_turn(funnel) if is_plain else by_moment(funnel)


def _last_entry(funnel: Funnel) -> int:
    """Events of the classes up to this one can be a person's first step."""
    return len(funnel.classes) if funnel.order is Order.ANY else 1


def _read(funnel: Funnel) -> tuple[dict[str, str], _Values]:
    """What is read of which events, as expressions, and the parameters."""
    span, is_strict = funnel.span, funnel.order is Order.STRICT
    if not is_strict:
        looked_at = (registry.events[one.event] for one in (*funnel.classes, *funnel.exclude))
        span = replace(span, actor=span.actor.in_all(looked_at))
    condition, values = journey.rows(span, span.begin, funnel.until)
    number, is_step = step.numbered(span.domain, funnel.classes, funnel.exclude, values)
    # Where nothing may lie between, everything that a person did counts.
    kept = condition if is_strict else f"{condition} AND {is_step}"
    split = step.value_of(span.domain, funnel.by) if funnel.by else "''"
    events = fill("events", person=span.actor.expression, step=number, split=split)
    return {"events": events, "table": span.domain.raw_table, "condition": kept}, values
