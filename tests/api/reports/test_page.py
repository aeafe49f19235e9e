"""Sections of a report about metrics: what is drawn of periods without events, and of several currencies."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from api.reports import page
from api.reports.content import Section
from clickhouse.metrics import catalogue
from clickhouse.metrics.answer import Answer, Row, Value
from clickhouse.metrics.periods import Granularity
from clickhouse.metrics.question import Question

BEGIN = datetime(2030, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def drawn(name: str, values: Sequence[tuple[int, str, Value]], hours: int = 5) -> ET.Element:
    """A section about a metric that has these values: of which hour, in which currency."""
    metric = catalogue.BY_NAME[name]
    question = Question(metric, BEGIN, BEGIN + hours * HOUR, ZoneInfo("UTC"), Granularity.HOUR)
    rows = [
        Row(BEGIN + hour * HOUR, BEGIN + (hour + 1) * HOUR, {"currency": currency} if currency else {}, value)
        for hour, currency, value in values
    ]
    answer = Answer(question, metric.readings[0], rows, None, False)
    section = page.metric(Section.model_validate({"metric": name}), answer)
    return ET.fromstring(f"<div>{section}</div>")


@pytest.mark.parametrize(
    ("name", "is_broken"),
    [
        ("rides.bookings_created", False),
        ("rides.driver_km", False),
        ("rides.trip_seconds_p50", True),
        ("rides.trip_km", True),
        ("rides.booking_conversion", True),
    ],
)
def test_a_period_without_events_is_zero_where_nothing_is(name: str, is_broken: bool) -> None:
    section = drawn(name, [(0, "", 3), (1, "", 4), (3, "", 5), (4, "", 6)])

    lines = [each.attrib["points"].split() for each in section.iter("polyline")]
    assert [len(points) for points in lines] == ([2, 2] if is_broken else [5])


def test_each_currency_has_a_chart_of_its_own() -> None:
    values = [(hour, currency, Decimal(hour)) for hour in range(3) for currency in ("USD", "JPY")]
    section = drawn("rides.net_revenue", values, hours=3)

    assert [each.text for each in section.iter("h3")] == ["JPY", "USD"]
    charts = [*section.iter("svg")]
    assert [len([*each.iter("polyline")]) for each in charts] == [1, 1]
    assert [each.attrib["aria-label"].split()[-1] for each in charts] == ["JPY", "USD"]
    assert [*section.iter("ul")] == []
