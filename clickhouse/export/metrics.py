"""Answers about metrics as rows of a file: all of them, page by page, in one form for every metric of a question."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import pyarrow as pa

from clickhouse.metrics.answer import Answer
from clickhouse.metrics.metric import Unit
from clickhouse.metrics.question import MOST_ROWS, Question
from streams.errors import QueryRefused

_MONEY: Final = pa.decimal128(38, 4)
_TIME: Final = "ms"

Ask = Callable[[Question], Awaitable[Answer]]


class MetricSource:
    """The answers to questions that share range, zone, granularity and dimensions."""

    def __init__(self, group: str, questions: Sequence[Question], ask: Ask, *, compare: bool) -> None:
        """`ask` puts one page of a question to ClickHouse. Raises QueryRefused for metrics of different kinds."""
        self.subject = group
        self.facts = facts(questions, compare=compare)
        self._questions = questions
        self._ask = ask
        self._compare = compare
        self._schema = _schema(questions, compare=compare)

    async def count(self) -> int | None:
        """Nobody knows before the answers are made."""
        return None

    async def batches(self, most: int) -> AsyncIterator[Any]:
        """The answers, so many rows at most, as pyarrow.RecordBatch; first an empty one. Raises what `ask` raises."""
        yield pa.RecordBatch.from_pylist([], schema=self._schema)
        for question in self._questions:
            page = replace(question, limit=MOST_ROWS, offset=0)
            while most > 0:
                found = await self._ask(page)
                lines = [_line(found, row) for row in found.rows[:most]]
                most -= len(lines)
                if lines:
                    yield pa.RecordBatch.from_pylist(lines, schema=self._schema)
                if not found.has_more:
                    break
                page = replace(page, offset=page.offset + MOST_ROWS)


def facts(questions: Sequence[Question], *, compare: bool) -> dict[str, Any]:
    """What is asked, for the audit and for whoever makes it later; filters by a person's id are told without it."""
    first = questions[0]
    return {
        "metrics": [question.metric.name for question in questions],
        "from": first.begin.isoformat(),
        "to": first.end.isoformat(),
        "zone": first.zone.key,
        "granularity": first.granularity.value,
        "by": list(first.by),
        "where": [name for name, _ in first.where],
        "compare": compare,
    }


def check(questions: Sequence[Question]) -> None:
    """Raises QueryRefused (mixed_metrics) for metrics whose values have no type in common."""
    _number(questions)


def _schema(questions: Sequence[Question], *, compare: bool) -> Any:
    number = _number(questions)
    zone = questions[0].zone.key
    fields = [("metric", pa.string()), ("unit", pa.string())]
    fields += [(name, pa.timestamp(_TIME, zone)) for name in ("start", "end")]
    keys = dict.fromkeys(key for question in questions for key in question.keys)
    fields += [(name, pa.string()) for name in keys]
    fields.append(("value", number))
    if any(reading.is_ratio for question in questions for reading in question.metric.readings):
        fields += [("numerator", number), ("denominator", number)]
    return pa.schema([*fields, *([("previous", number)] if compare else [])])


def _number(questions: Sequence[Question]) -> Any:
    """The type of values: money is exact, counts are whole."""
    units = {question.metric.unit for question in questions}
    if units == {Unit.MONEY}:
        return _MONEY
    if Unit.MONEY in units:
        money = [question.metric.short for question in questions if question.metric.is_money]
        others = [question.metric.short for question in questions if not question.metric.is_money]
        raise QueryRefused(
            "A file has money or other numbers in its column of values, not both.",
            code="mixed_metrics",
            value=", ".join(question.metric.short for question in questions),
            hint=f"Name metrics of one kind with `metric`: money ({', '.join(money)}), or {', '.join(others)}.",
        )
    return pa.int64() if units == {Unit.COUNT} else pa.float64()


def _line(found: Answer, row: Any) -> dict[str, Any]:
    metric = found.question.metric
    numbers = {"value": row.value, "previous": row.previous}
    numbers |= {"numerator": row.numerator, "denominator": row.denominator}
    return {"metric": metric.name, "unit": metric.unit.value, "start": row.start, "end": row.end, **row.key, **numbers}
