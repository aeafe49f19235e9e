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
_NO_AMOUNT: Final = "toDecimal64(0, 4)"
_Values = dict[str, Any]


def retention(asked: Retention) -> tuple[str, _Values]:
    """The statement and its parameters: columns value, number of the period, offset (-1: all), people."""
    common = asked.asked
    marks = _Marks(common, asked.back)
    since = common.span.begin if asked.is_recurring else FIRST
    read, values = _read(common, marks.steps, since, marks.stamp)
    sql = fill(
        "retention",
        value=_value(common),
        is_marked=marks.is_marked,
        marks=marks.in_order,
        has_started=_has_started(common, asked.is_recurring),
        cohorts=marks.starts if asked.is_recurring else f"arraySlice({marks.starts}, 1, 1)",
        offsets=_offsets(common.periods, marks, asked.is_rolling),
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
    read, values = _read(common, steps, FIRST, f"ms * {_ROOM} + period", amount, currency)
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


class _Marks:
    """A person's events as small numbers, in order of time: the period, and more by `_ROOM` if it is no start.

    In one millisecond a start stands before what is not one, for someone may have come back at the same moment.
    """

    def __init__(self, common: Returning, back: Step) -> None:
        self.steps = tuple(dict.fromkeys((common.start, back)))
        begin, end = _begin_ms(common), common.span.end_ms
        if len(self.steps) == 1:  # where each start is a return, marks by themselves are in order of time
            self.stamp = f"toUInt32(period + {_ROOM} * (ms >= {end}))"
            self.is_marked = f"ms >= {begin}"
            self.in_order = "arraySort(stamps)"
            self.returns = "marks"
            self.is_soon = f"arrayCount(m -> {_period('m')} = number, marks) > 1"
        else:
            self.stamp = f"(ms * 2 + (step = 2)) * {_ROOM} + period"
            self.is_marked = f"ms >= {begin} AND (step = 2 OR ms < {end})"
            self.in_order = f"arrayCompact(arrayMap(s -> toUInt32(bitAnd(s, {2 * _ROOM - 1})), arraySort(stamps)))"
            self.returns = f"arrayFilter(m -> m >= {_ROOM}, marks)"
            self.is_soon = f"arrayLastIndex(m -> m = number + {_ROOM}, marks) > indexOf(marks, number)"
        self.starts = f"arrayDistinct(arrayFilter(m -> m < {_ROOM}, marks))"


def _has_started(common: Returning, is_recurring: bool) -> str:
    """Whether a person is counted; if a start before the time speaks against it, those are read as well."""
    is_start = _is_start(common)
    return f"countIf({is_start}) > 0" if is_recurring else f"minIf(ms, {is_start}) >= {_begin_ms(common)}"


def _offsets(count: int, marks: _Marks, is_rolling: bool) -> str:
    """The periods after a cohort's in which a person came back, and -1.

    In the period of the start itself only what is not before it counts, and not the start itself.
    """
    later = f"arrayMap(m -> toInt64({_period('m')}) - number, {marks.returns})"
    later = f"arrayFilter(n -> n BETWEEN 1 AND {count}, {later})"
    found = f"arrayDistinct(arrayConcat(if({marks.is_soon}, [toInt64(0)], emptyArrayInt64()), {later}))"
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
    common: Returning,
    steps: Sequence[Step],
    since: datetime,
    stamp: str,
    amount: str = _NO_AMOUNT,
    currency: str = "''",
) -> tuple[dict[str, str], _Values]:
    """What is read of which events, as expressions, and the parameters."""
    span = common.span
    condition, values = journey.rows(span, since, common.until)
    number, is_step = step.numbered(span.domain, steps, (), values)
    values |= {"zone": span.zone.key, "most": (common.limit + 1) * (common.periods + 2)}
    events = fill(
        "returning_events",
        person=span.actor.expression,
        period=calendar.number_of(common.length),
        stamp=stamp,
        step=number,
        split=step.value_of(span.domain, common.by) if common.by else "''",
        amount=amount,
        currency=currency,
    )
    return {"events": events, "table": span.domain.raw_table, "condition": f"{condition} AND {is_step}"}, values
