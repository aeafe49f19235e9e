"""Every table that can answer a metric says what plain Python makes of the raw rows: by zone, period, key, currency."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.histogram import ERROR
from clickhouse.metrics.answer import Answer, read
from clickhouse.metrics.catalogue import BY_NAME, METRICS
from clickhouse.metrics.metric import Metric, Reading
from clickhouse.metrics.periods import Granularity
from clickhouse.metrics.question import MOST_ROWS, Question
from clickhouse.metrics.route import readings
from tests.support.metric_oracle import ORACLES, expected
from tests.support.metric_world import World

Truth = Mapping[tuple[str, ...], Any]
SKETCH = 0.02
"""How far a distinct count of a sketch may be off; the worst of 20 was 2 %."""


class Case(NamedTuple):
    """A way to ask."""

    granularity: Granularity
    zone: str
    whole: bool
    """Whether it is asked by all dimensions that the table knows."""
    shift: timedelta = timedelta()
    """How far the range begins after the world does."""


CASES = (
    Case(Granularity.DAY, "America/New_York", False),
    Case(Granularity.HOUR, "Asia/Kathmandu", False, timedelta(minutes=45)),
    Case(Granularity.TOTAL, "UTC", True, timedelta(hours=5)),
)
"""The day of New York is one on which its clocks are changed; Kathmandu lies 5:45 from UTC."""


def test_every_metric_has_a_computation_of_its_own() -> None:
    assert ORACLES.keys() == BY_NAME.keys()


def ways() -> Iterator[Any]:
    """Each metric in each way; every run of the tests takes one way of each metric, the long proofs the others."""
    for number, metric in enumerate(METRICS):
        for place, case in enumerate(CASES):
            marks = [] if place == number % len(CASES) else [pytest.mark.faults]
            name = f"{metric.name}-{case.granularity}-{case.zone}"
            yield pytest.param(metric, case, marks=marks, id=name)


@pytest.mark.parametrize(("metric", "case"), [*ways()])
async def test_every_table_says_what_the_rows_say(
    metric: Metric, case: Case, metric_world: World, reader: AsyncClient
) -> None:
    await hold(metric, case, metric_world, reader)


@pytest.mark.faults
@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
async def test_and_so_in_a_large_world(metric: Metric, large_metric_world: World, large_reader: AsyncClient) -> None:
    for case in CASES:
        await hold(metric, case, large_metric_world, large_reader)


async def hold(metric: Metric, case: Case, world: World, client: AsyncClient) -> None:
    """Ask every table that can answer, and compare."""
    granularity = Granularity.DAY if metric.rolling_days else case.granularity
    known: dict[tuple[str, ...], Truth] = {}
    asked = 0
    for reading in metric.readings:
        by = tuple(name for name in metric.by if name in reading.source.dimensions) if case.whole else ()
        begin = world.begin + case.shift
        question = Question(metric, begin, world.end, ZoneInfo(case.zone), granularity, by, limit=MOST_ROWS)
        if reading not in readings(question):
            continue
        if by not in known:
            known[by] = truth(question, world.rows)
        compare(await read(client, question, reading), known[by])
        asked += 1
    assert asked


def truth(question: Question, rows: Sequence[Mapping[str, Any]]) -> Truth:
    """What plain Python says."""
    metric = question.metric
    span = (question.begin, question.end, question.granularity, question.zone, question.by)
    return expected(metric.name, rows, *span, is_money=metric.is_money)


def compare(answer: Answer, wanted: Truth) -> None:
    """Fail where an answer is not what was expected, by as much as its table may be off."""
    question, reading = answer.question, answer.reading
    assert not answer.has_more
    is_total = question.granularity is Granularity.TOTAL
    found = {(*(() if is_total else (row.start.isoformat(),)), *row.key.values()): row.value for row in answer.rows}
    where = f"{question.metric.name} from {reading.source.table} by {question.by}"
    assert len(found) == len(answer.rows)
    assert found.keys() == wanted.keys(), where
    for key, value in found.items():
        assert is_near(value, wanted[key], reading), f"{where}: {key} is {value}, not {wanted[key]}"


def is_near(value: Any, wanted: Any, reading: Reading) -> bool:
    """Whether a value is as exact as its table says."""
    if value is None or wanted is None:
        return value is None and wanted is None
    if "sumMap" in reading.measures:
        return bool(abs(value - wanted) <= ERROR * wanted + 1e-9)
    if reading.is_exact and isinstance(value, int | Decimal):
        return bool(abs(value - wanted) <= (Decimal("0.0001") if isinstance(value, Decimal) else 0))
    off = 1e-9 if reading.is_exact else SKETCH * (2 if reading.is_ratio else 1)
    return abs(float(value) - float(wanted)) <= off * max(abs(float(wanted)), 1e-9)


def test_a_day_without_an_hour_or_with_one_more_is_among_the_days(metric_world: World) -> None:
    zone = ZoneInfo("America/New_York")
    offsets = {(metric_world.begin + timedelta(hours=n)).astimezone(zone).utcoffset() for n in range(60)}
    assert len(offsets) == 2
    assert isinstance(metric_world.begin, datetime)
