"""The statements that answer retention and cohorts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from clickhouse.analytics import calendar, journey, step
from clickhouse.analytics.returning import Cohorts, Retention, Returning
from clickhouse.analytics.step import Step
from clickhouse.analytics.template import IN_PARTS, fill
from clickhouse.metrics.question import FIRST

_ROOM: Final = 2**17
"""Numbers of periods: of days, for 350 years."""
_MOMENTS: Final = 2**42
"""Milliseconds since 1970 until the year 2109."""
_NO_AMOUNT: Final = "toDecimal64(0, 4)"
_Values = dict[str, Any]


def retention(asked: Retention) -> tuple[str, _Values]:
    """The statement and its parameters: columns value, number of the period, offset (-1: all), people."""
    common = asked.asked
    steps = tuple(dict.fromkeys((common.start, asked.back)))
    since = common.span.begin if asked.is_recurring else FIRST
    read, values = _read(common, steps, since)
    begin_ms, is_start = _begin_ms(common), _is_start(common)
    sql = fill(
        "retention",
        value=_value(common),
        cohorts=_each_period(is_start) if asked.is_recurring else _first_period(is_start, begin_ms),
        offsets=_offsets(common.periods, len(steps) == 1, asked.is_rolling),
        period_of_cohort=_period("cohort"),
        is_start=is_start,
        is_back=f"step = {len(steps)} AND ms >= {begin_ms}",
        settings=IN_PARTS,
        **read,
    )
    return sql, values


def cohorts(asked: Cohorts) -> tuple[str, _Values]:
    """The statement and its parameters: columns value, number, offset (-1: all), people, events, sums by currency."""
    common = asked.asked
    steps = tuple(dict.fromkeys((common.start, asked.doing)))
    # What is started with may be counted too, and then the two may be one event.
    amount = f"toDecimal64(ifNull({asked.sum}, {_NO_AMOUNT}), 4)" if asked.sum else _NO_AMOUNT
    currency = "toString(ifNull(currency, ''))" if asked.sum else "''"
    read, values = _read(common, steps, FIRST, amount, currency)
    sql = fill(
        "cohorts",
        value=_value(common),
        is_start=_is_start(common),
        is_done=f"step = {len(steps)} AND ms >= {_begin_ms(common)}",
        begin=f"{_begin_ms(common) * _ROOM}",
        period_of_began=_period("began"),
        period_of_done=_period("d.1"),
        periods=f"{common.periods}",
        settings=IN_PARTS,
        **read,
    )
    return sql, values


def _period(stamp: str) -> str:
    """The number of the period of a stamp."""
    return f"bitAnd({stamp}, {_ROOM - 1})"


def _first_period(is_start: str, begin_ms: int) -> str:
    """The period of a person's first start of all, if that lies in the time."""
    return f"arrayFilter(c -> c >= {begin_ms * _ROOM}, [minIf(stamp, {is_start})])"


def _each_period(is_start: str) -> str:
    """Each period in which a person started, with the first start in it."""
    by_period = f"arrayMap(c -> {_period('c')} * {_MOMENTS} + intDiv(c, {_ROOM}), groupArrayIf(stamp, {is_start}))"
    starts = f"arraySort({by_period})"
    before = f"arrayPushFront(arrayPopBack({starts}), toInt64(-{_MOMENTS}))"
    firsts = f"arrayFilter((c, before) -> intDiv(c, {_MOMENTS}) != intDiv(before, {_MOMENTS}), {starts}, {before})"
    return f"arrayMap(c -> c % {_MOMENTS} * {_ROOM} + intDiv(c, {_MOMENTS}), {firsts})"


def _offsets(count: int, is_same: bool, is_rolling: bool) -> str:
    """The periods after a cohort's in which a person came back, and -1.

    In the period of the start itself only what is not before it counts, and not the start itself.
    """
    least = 2 if is_same else 1
    soon = f"arrayCount(b -> b >= cohort AND {_period('b')} = number, backs) >= {least}"
    later = f"arrayFilter(n -> n BETWEEN 1 AND {count}, arrayMap(b -> {_period('b')} - number, backs))"
    found = f"arrayDistinct(arrayConcat(if({soon}, [toInt64(0)], emptyArrayInt64()), {later}))"
    if is_rolling:
        until = f"arrayMap(n -> toInt64(n), range(toUInt64(arrayMax({found}) + 1)))"
        found = f"if(empty({found}), emptyArrayInt64(), {until})"
    return f"arrayConcat([toInt64(-1)], {found})"


def _is_start(common: Returning) -> str:
    return f"step = 1 AND ms < {common.span.end_ms}"


def _begin_ms(common: Returning) -> int:
    return journey.milliseconds(common.span.begin)


def _value(common: Returning) -> str:
    """The value at the first start in the time."""
    return step.first_value(f"{_is_start(common)} AND ms >= {_begin_ms(common)}") if common.by else "''"


def _read(
    common: Returning, steps: Sequence[Step], since: datetime, amount: str = _NO_AMOUNT, currency: str = "''"
) -> tuple[dict[str, str], _Values]:
    """What is read of which events, as expressions, and the parameters."""
    span = common.span
    condition, values = journey.rows(span, since, common.until)
    number, is_step = step.numbered(span.domain, steps, (), values)
    values |= {"zone": span.zone.key, "most": (common.limit + 1) * (common.periods + 2)}
    events = fill(
        "returning_events",
        person=span.actor.expression,
        room=f"{_ROOM}",
        period=calendar.number_of(common.length),
        step=number,
        split=step.value_of(span.domain, common.by) if common.by else "''",
        amount=amount,
        currency=currency,
    )
    return {"events": events, "table": span.domain.raw_table, "condition": f"{condition} AND {is_step}"}, values
