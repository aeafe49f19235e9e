"""Answers retention and cohorts, as plain values."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import groupby, islice
from typing import Any

from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.analytics import calendar, returning_sql, run
from clickhouse.analytics.funnel import Path
from clickhouse.analytics.funnel_answer import head
from clickhouse.analytics.returning import Cohorts, Retention, Returning
from clickhouse.metrics.route import Limits
from clickhouse.metrics.shown import moment

_Line = Sequence[Any]
_Told = Callable[[_Line | None, int], dict[str, Any]]
_ALL = -1
"""The offset under which everybody of a cohort is counted."""


async def retention(client: AsyncClient, asked: Retention, limits: Limits = run.LIMITS) -> dict[str, Any]:
    """The answer. Raises as `run.rows` does."""
    at = await run.as_of(client, asked.span.domain)  # before the numbers, which may hold more and never less
    lines = await run.rows(client, *returning_sql.retention(asked), limits)
    kind = {"kind": "recurring" if asked.is_recurring else "first", "rolling": asked.is_rolling}
    return _answer(asked.asked, lines, at, _returned) | kind


async def cohorts(client: AsyncClient, asked: Cohorts, limits: Limits = run.LIMITS) -> dict[str, Any]:
    """The answer. Raises as `run.rows` does."""
    at = await run.as_of(client, asked.span.domain)
    lines = await run.rows(client, *returning_sql.cohorts(asked), limits)
    return _answer(asked.asked, lines, at, _did) | {"sum": asked.sum or None}


def _returned(line: _Line | None, size: int) -> dict[str, Any]:
    people = int(line[3]) if line else 0
    return {"people": people, "share": people / size}


def _did(line: _Line | None, size: int) -> dict[str, Any]:
    if line is None:
        return {"people": 0, "share": 0.0, "events": 0, "sums": {}}
    currencies, amounts = line[5]
    sums = {str(name): f"{amount:f}" for name, amount in sorted(zip(currencies, amounts, strict=True))}
    return {**_returned(line, size), "events": int(line[4]), "sums": sums}


def _answer(asked: Returning, lines: Sequence[_Line], at: datetime | None, told: _Told) -> dict[str, Any]:
    groups = [[*group] for _, group in groupby(lines, key=lambda line: (line[1], line[0]))]
    return {
        **head(asked.span),
        "granularity": asked.length.value,
        "by": asked.by or None,
        "path": Path.EXACT.value,
        "as_of": moment(at),
        "cohorts": [_cohort(asked, group, at, told) for group in islice(groups, asked.limit)],
        "has_more": len(groups) > asked.limit,
    }


def _cohort(asked: Returning, group: Sequence[_Line], at: datetime | None, told: _Told) -> dict[str, Any]:
    value, number = group[0][:2]
    by_offset: Mapping[int, _Line] = {int(line[2]): line for line in group}
    size = int(by_offset[_ALL][3])
    starts = [
        calendar.start(number + offset, asked.length, asked.span.zone).astimezone(asked.span.zone)
        for offset in range(asked.periods + 2)
    ]
    return {
        "start": moment(starts[0]),
        "end": moment(starts[1]),
        "key": {asked.by: value} if asked.by else {},
        "people": size,
        "periods": [
            {
                "period": offset,
                "start": moment(starts[offset]),
                "end": moment(starts[offset + 1]),
                "complete": at is not None and starts[offset + 1] <= at,
                **told(by_offset.get(offset), size),
            }
            for offset in range(asked.periods + 1)
        ],
    }
