"""Puts a question to ClickHouse: the rows of the answer, what they are as of, and which table gave them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.exceptions import Error

from clickhouse.client import classify
from clickhouse.metrics import periods
from clickhouse.metrics.earlier import earlier
from clickhouse.metrics.metric import Metric, Reading, Unit
from clickhouse.metrics.periods import Granularity
from clickhouse.metrics.question import Question
from clickhouse.metrics.route import Limits, limits_of, route
from clickhouse.metrics.statement import compose
from streams.errors import QueryRefused

Value = int | float | Decimal | None
"""Money is Decimal; None: a ratio of nothing."""
MOST_COMPARED = 50_000
"""Rows of the previous period at most."""
THREAD_BYTES: Final = 128 << 20
"""Free memory that a thread is worth: by ClickHouse's own rule a gigabyte, and the embedded server has two in all."""
_THREAD_RULE: Final = "max_threads_min_free_memory_per_thread"
# 158 and 307 rows and bytes to read, 159 and 160 time, 241 memory, 396 result
_TOO_MUCH = frozenset({158, 159, 160, 241, 307, 396})
_AS_OF = "SELECT max(at), count() FROM delivered WHERE relation = {table:String}"


@dataclass(frozen=True, slots=True)
class Row:
    """One value."""

    start: datetime
    """Beginning of its period, in the zone of the question."""
    end: datetime
    """End of its period; periods at the ends of the range may be cut off by it."""
    key: Mapping[str, str]
    """Value of each dimension."""
    value: Value
    numerator: Value = None
    """Of a ratio or a mean."""
    denominator: Value = None
    previous: Value = None
    """The value in the period that it is compared with, where that was asked for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question."""

    question: Question
    reading: Reading
    rows: Sequence[Row]
    as_of: datetime | None
    """All that was delivered until then is in it; None: nothing was ever delivered."""
    has_more: bool
    """Whether rows lie beyond the limit."""
    compared: tuple[datetime, datetime] | None = None
    """The range before, where it was asked for."""


async def answer(client: AsyncClient, question: Question, *, compare: bool = False) -> Answer:
    """Ask. Raises QueryRefused where it cannot be answered or costs too much, and as `classify` says."""
    reading = route(question)
    return await read(client, question, reading, compare=compare)


async def read(client: AsyncClient, question: Question, reading: Reading, *, compare: bool = False) -> Answer:
    """The same by a given reading, whatever the router would choose."""
    at = await as_of(client, question.metric)  # before the numbers, which may hold more and never less
    rows = await _rows(client, question, reading, question.limit + 1)
    found = Answer(question, reading, rows[: question.limit], at, len(rows) > question.limit)
    if not compare:
        return found
    before = question.previous()
    other = await _rows(client, before, route(before), MOST_COMPARED + 1)
    if len(other) > MOST_COMPARED:
        raise QueryRefused(
            f"The period before has more than {MOST_COMPARED:,} rows.",
            code="too_much",
            value=before.begin.isoformat(),
            hint="Compare by fewer dimensions, or filter.",
        )
    return replace(found, rows=_beside(question, found.rows, other), compared=(before.begin, before.end))


async def as_of(client: AsyncClient, metric: Metric) -> datetime | None:
    """When the newest batch of the metric's domain was delivered; None: never. Raises as `classify` says."""
    [(at, lines)] = await run(client, _AS_OF, {"table": metric.domain.raw_table}, limits_of(metric.readings[0]))
    return at.replace(tzinfo=UTC) if lines else None


async def _rows(client: AsyncClient, question: Question, reading: Reading, most: int) -> list[Row]:
    sql, values = compose(question, reading, most)
    found = await run(client, sql, values, limits_of(reading))
    return [_row(question, reading, line) for line in found]


async def run(
    client: AsyncClient,
    sql: str,
    values: dict[str, Any],
    limits: Limits,
    hint: str = "Ask for a shorter range, or by fewer dimensions, so that an aggregate answers.",
    more: Mapping[str, Any] = MappingProxyType({}),
) -> Sequence[Sequence[Any]]:
    """The rows of a statement that may cost so much; beyond it QueryRefused with the hint. Else as `classify` says.

    `more`: settings of ClickHouse beside those.
    """
    settings = {"max_rows_to_read": limits.rows, "max_execution_time": limits.seconds, **more}
    try:
        rows: Sequence[Sequence[Any]] = (await client.query(sql, parameters=values, settings=settings)).result_rows
    except Error as error:
        if error.code in _TOO_MUCH:
            raise QueryRefused(
                f"The question costs more than it may: {limits.rows:,} rows read, or {limits.seconds} seconds.",
                code="too_expensive",
                value=str(error.code),
                hint=hint,
            ) from error
        raise classify(error) from error
    except Exception as error:
        raise classify(error) from error
    return rows


def threads(client: AsyncClient) -> dict[str, int]:
    """The settings by which a server of little memory takes all its cores, too; none for one that has no such rule."""
    return {_THREAD_RULE: THREAD_BYTES} if _THREAD_RULE in client.server_settings else {}


def _row(question: Question, reading: Reading, line: Sequence[Any]) -> Row:
    cells = list(line)
    begin, end = question.begin, question.end
    if question.granularity is not Granularity.TOTAL:
        begin = _start(cells.pop(0), question)
        end = periods.after(begin, question.granularity, question.zone)
    key = dict(zip(question.keys, cells, strict=False))
    measures = cells[len(question.keys) :]
    zone, metric = question.zone, question.metric
    if not reading.is_ratio:
        return Row(begin.astimezone(zone), end.astimezone(zone), key, _value(metric, measures[0]))
    numerator, denominator = (_plain(each) for each in measures[:2])
    value = _divided(metric, numerator, denominator)
    return Row(begin.astimezone(zone), end.astimezone(zone), key, value, numerator, denominator)


def _start(cell: Any, question: Question) -> datetime:
    """Beginning of a period, as ClickHouse tells it."""
    if isinstance(cell, date):
        return periods.midnight(cell, question.zone)
    return datetime.fromtimestamp(int(cell), UTC)


def _plain(value: Any) -> Value:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _value(metric: Metric, value: Any) -> Value:
    found = _plain(value)
    if found is None or metric.is_money:
        return found
    return int(found) if metric.unit is Unit.COUNT else float(found)


def _divided(metric: Metric, numerator: Value, denominator: Value) -> Value:
    if not denominator or numerator is None:
        return None
    if metric.is_money:
        return (Decimal(numerator) / Decimal(denominator)).quantize(Decimal("0.0001"))
    return float(numerator) / float(denominator)


def _beside(question: Question, rows: Sequence[Row], other: Sequence[Row]) -> list[Row]:
    """The rows with what they were: each period beside its own in the range before, key by key."""
    how = earlier(question.begin, question.end, question.zone, question.granularity)
    values = {(row.start.astimezone(UTC), *row.key.values()): row.value for row in other}

    def previous(row: Row) -> Value:
        start = how.beside(row.start, question.granularity)
        return None if start is None else values.get((start, *row.key.values()))

    return [replace(row, previous=previous(row)) for row in rows]
