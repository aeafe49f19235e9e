"""Which table answers a question: the smallest that knows its dimensions and is cut as finely as its periods."""

from dataclasses import dataclass
from typing import Final

from clickhouse.metrics import periods
from clickhouse.metrics.metric import Reading
from clickhouse.metrics.question import Question


@dataclass(frozen=True, slots=True)
class Limits:
    """What one question may cost; ClickHouse refuses to go on beyond it."""

    rows: int
    """Rows read."""
    seconds: int


AGGREGATE: Final = Limits(50_000_000, 5)
ROWS: Final = Limits(200_000_000, 10)
"""Within what the profile `api` of deploy/clickhouse allows."""


def limits_of(reading: Reading) -> Limits:
    """The limits of the class of requests that a reading belongs to."""
    return ROWS if reading.source.is_rows else AGGREGATE


def route(question: Question) -> Reading:
    """The reading that answers; the events know whatever a metric can be asked."""
    return readings(question)[0]


def readings(question: Question) -> list[Reading]:
    """Every reading that can answer, the smallest table first."""
    return [
        reading
        for reading in question.metric.readings
        if question.metric.covers(reading, question.wanted)
        and _is_cut(reading, question)
        and (reading.is_exact or not question.exact)
    ]


def _is_cut(reading: Reading, question: Question) -> bool:
    """Whether buckets can be put together to the periods: each lies in one of them, and the range ends between two."""
    length = reading.source.minutes * 60
    if not length:
        return True
    if question.granularity is not periods.Granularity.TOTAL and periods.seconds_of(question.granularity) % length:
        return False
    offset = question.begin.astimezone(question.zone).utcoffset()
    moments = (question.begin.timestamp(), question.end.timestamp(), offset.total_seconds() if offset else 0)
    return not any(moment % length for moment in moments)
