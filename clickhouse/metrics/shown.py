"""Metrics and answers as plain values, for the command line, the API and files."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from clickhouse.metrics.answer import Answer, Row, Value
from clickhouse.metrics.metric import Metric


def declaration(metric: Metric) -> dict[str, Any]:
    """What a metric is."""
    return {
        "name": metric.name,
        "domain": metric.domain.name,
        "groups": list(metric.groups),
        "sentence": metric.sentence,
        "formula": metric.formula,
        "unit": metric.unit.value,
        "dimensions": list(metric.dimensions),
        "rolling_days": metric.rolling_days or None,
        "zero_of_nothing": metric.is_zero_of_nothing,
        "cache": metric.cache.value,
        "sources": [
            {
                "table": reading.source.table,
                "minutes": reading.source.minutes or None,
                "exact": reading.is_exact,
                "dimensions": [name for name in metric.dimensions if name in reading.source.dimensions],
            }
            for reading in metric.readings
        ],
    }


def answer(found: Answer) -> dict[str, Any]:
    """An answer; times in the question's zone, money as text."""
    question = found.question
    return {
        "metric": question.metric.name,
        "unit": question.metric.unit.value,
        "from": moment(question.begin.astimezone(question.zone)),
        "to": moment(question.end.astimezone(question.zone)),
        "zone": question.zone.key,
        "granularity": question.granularity.value,
        "by": list(question.keys),
        "exact": found.reading.is_exact,
        "source": found.reading.source.table,
        "as_of": moment(found.as_of),
        "compared_with": _range(found),
        "has_more": found.has_more,
        "rows": [_row(row, compared=found.compared is not None) for row in found.rows],
    }


def plain(value: Value) -> int | float | str | None:
    """A value for JSON: money is text, so that no cent is lost."""
    return f"{value:f}" if isinstance(value, Decimal) else value


def moment(at: datetime | None) -> str | None:
    """RFC 3339, with milliseconds where there are some."""
    if at is None:
        return None
    return at.isoformat(timespec="milliseconds" if at.microsecond else "seconds").replace("+00:00", "Z")


def _range(found: Answer) -> dict[str, str | None] | None:
    if found.compared is None:
        return None
    begin, end = (moment(at.astimezone(found.question.zone)) for at in found.compared)
    return {"from": begin, "to": end}


def _row(row: Row, *, compared: bool) -> dict[str, Any]:
    line: dict[str, Any] = {"start": moment(row.start), "end": moment(row.end), "key": dict(row.key)}
    line["value"] = plain(row.value)
    if row.denominator is not None:
        line |= {"numerator": plain(row.numerator), "denominator": plain(row.denominator)}
    if compared:
        line["previous"] = plain(row.previous)
    return line
