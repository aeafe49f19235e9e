"""What does not fit is refused with what would, before anything is read; the smallest table that can answers."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.metrics import answer, catalogue, periods, route
from clickhouse.metrics.earlier import before
from clickhouse.metrics.metric import FOLDER, parse
from clickhouse.metrics.periods import Granularity
from clickhouse.metrics.question import Question, ask
from clickhouse.metrics.route import Limits
from clickhouse.metrics.statement import compose
from streams.errors import ConfigurationError, QueryRefused
from streams.events.domains import RIDES
from tests.support.metric_world import World

NOW = datetime(2026, 5, 20, 10, 7, 3, tzinfo=UTC)
ACTIVE, REVENUE = (catalogue.BY_NAME[f"rides.{name}"] for name in ("active_users", "gross_revenue"))


def asked(name: str = "rides.gross_revenue", **words: Any) -> Question:
    return ask(catalogue.BY_NAME[name], now=NOW, **words)


def whole_of(world: World) -> dict[str, Any]:
    """The words for all of the time of a world."""
    return {"begin": world.begin.isoformat(), "end": world.end.isoformat()}


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ({"begin": "yesterday"}, "bad_time", "2026-01-31T12:00:00Z"),
        ({"begin": "2026-05-01T00:00:00"}, "bad_time", "no zone"),
        ({"begin": "0001-01-01"}, "bad_time", "2000 to 2100"),
        ({"begin": "9999w"}, "bad_time", "2000 to 2100"),
        ({"begin": "999999w"}, "bad_time", "7d"),
        ({"begin": "2026-05-02", "end": "2026-05-02"}, "bad_range", "after `from`"),
        ({"zone": "Mars/Olympus"}, "bad_zone", "America/New_York"),
        ({"zone": "../../etc/passwd"}, "bad_zone", "America/New_York"),
        ({"zone": "America"}, "bad_zone", "America/New_York"),
        ({"zone": "posix/America/New_York"}, "bad_zone", "America/New_York"),
        ({"zone": "localtime"}, "bad_zone", "America/New_York"),
        ({"granularity": "days"}, "bad_granularity", "day, week, month"),
        ({"granularity": "5m", "begin": "2026-01-01"}, "too_much", "longer periods"),
        ({"by": ["driver_id"]}, "unknown_dimension", "method, gateway"),
        ({"where": ["methd:card"]}, "unknown_dimension", "method, gateway"),
        ({"where": ["method"]}, "bad_filter", "dimension:value"),
        ({"where": [f"method:{n}" for n in range(101)]}, "bad_filter", "100 values"),
        ({"limit": 0}, "bad_limit", "1 to 10,000"),
        ({"name": "rides.weekly_active_users"}, "bad_granularity", "granularity day"),
    ],
)
def test_what_does_not_fit_is_refused(words: dict[str, Any], code: str, told: str) -> None:
    with pytest.raises(QueryRefused) as refused:
        asked(**words)

    assert refused.value.code == code
    assert told in f"{refused.value} {refused.value.hint}"


def test_a_name_that_is_nearly_right_is_told() -> None:
    with pytest.raises(QueryRefused) as refused:
        catalogue.find("bookings_convertion")
    assert "rides.booking_conversion" in refused.value.near

    with pytest.raises(QueryRefused) as refused:
        catalogue.find("gross_revenue")
    assert refused.value.near == ("rides.gross_revenue", "ticketing.gross_revenue")
    assert catalogue.find("kyc_rate") is catalogue.BY_NAME["rides.kyc_rate"]


def test_without_a_range_it_is_seven_days_and_today_in_the_zone_of_the_domain() -> None:
    question = asked()

    assert question.begin == datetime(2026, 5, 13, 4, tzinfo=UTC)
    assert question.end == datetime(2026, 5, 20, 10, 15, tzinfo=UTC)
    assert asked(begin="24h").begin == datetime(2026, 5, 19, 10, tzinfo=UTC)
    assert asked(begin="2026-05-01", zone="Asia/Kathmandu").begin == datetime(2026, 4, 30, 18, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("words", "table"),
    [
        ({}, "hourly_payments"),
        ({"by": ["method"]}, "hourly_payments"),
        ({"by": ["pickup_zone"], "where": ["pickup_country:US"]}, "geographic_metrics"),
        ({"by": ["pickup_zone", "method"]}, "payment_events"),
        ({"granularity": "5m", "begin": "2026-05-20"}, "payment_events"),
        ({"granularity": "15m", "begin": "2026-05-20"}, "hourly_payments"),
        ({"begin": "2026-05-19T10:07:00Z"}, "payment_events"),
        ({"zone": "Asia/Kathmandu", "granularity": "hour"}, "hourly_payments"),
        ({"name": "ticketing.gross_revenue", "granularity": "5m", "begin": "2026-05-20"}, "realtime_dashboard"),
        ({"name": "ticketing.orders", "exact": True}, "ticket_sales"),
        ({"name": "ticketing.tickets_sold", "exact": True}, "revenue_analytics"),
        ({"name": "rides.active_users", "granularity": "day"}, "daily_users"),
    ],
)
def test_the_smallest_table_that_can_answers(words: dict[str, Any], table: str) -> None:
    assert route.route(asked(**words)).source.table == table


def test_nothing_that_a_reader_sends_stands_in_the_statement() -> None:
    evil = "x') OR 1=1 --"
    for metric in catalogue.METRICS:
        where = [f"{name}:{evil}{star}" for name in metric.dimensions for star in ("", "*")]
        granularity = "day" if metric.rolling_days else "hour"
        question = ask(metric, granularity=granularity, zone="Asia/Kathmandu", now=NOW, where=where)
        for reading in route.readings(question):
            sql, values = compose(question, reading, 10)
            assert evil not in sql
            assert "Kathmandu" not in sql
            assert values["zone"] == "Asia/Kathmandu"


async def test_filters_keep_what_they_say(metric_world: World, reader: AsyncClient) -> None:
    span: dict[str, Any] = whole_of(metric_world) | {"by": ["method"]}
    whole = (await answer.answer(reader, ask(REVENUE, **span))).rows
    kept = (await answer.answer(reader, ask(REVENUE, **span, where=["method:ca*", "currency:USD"]))).rows
    evil = (await answer.answer(reader, ask(REVENUE, **span, where=["method:' OR 1=1 --"]))).rows

    assert {row.key["method"] for row in whole} >= {"card", "cash", "wallet"}
    assert [row for row in whole if row.key["method"].startswith("ca") and row.key["currency"] == "USD"] == kept
    assert evil == []


async def test_the_largest_come_first_and_pages_follow_each_other(metric_world: World, reader: AsyncClient) -> None:
    earned = catalogue.BY_NAME["rides.driver_earnings"]
    span: dict[str, Any] = {
        "begin": metric_world.begin.isoformat(),
        "end": metric_world.end.isoformat(),
        "by": ["driver_id"],
    }
    whole = await answer.answer(reader, ask(earned, **span))
    first = await answer.answer(reader, ask(earned, **span, limit=3))
    second = await answer.answer(reader, ask(earned, **span, limit=3, offset=3))

    values = [row.value for row in whole.rows]
    assert values == sorted(values, reverse=True)  # type: ignore[type-var]
    assert [*first.rows, *second.rows] == whole.rows[:6]
    assert first.has_more


async def test_the_period_before_stands_beside(metric_world: World, reader: AsyncClient) -> None:
    zone = ZoneInfo("America/New_York")
    middle = periods.midnight(periods.floor(metric_world.end, Granularity.DAY, zone).astimezone(zone).date(), zone)
    begin, _ = before(middle, metric_world.end, zone, Granularity.HOUR)
    span: dict[str, Any] = {"granularity": "hour", "zone": zone.key}
    now = await answer.answer(
        reader, ask(REVENUE, begin=middle.isoformat(), end=metric_world.end.isoformat(), **span), compare=True
    )
    then = await answer.answer(reader, ask(REVENUE, begin=begin.isoformat(), end=middle.isoformat(), **span))

    assert now.compared == (begin, middle)
    known = {(row.start, row.key["currency"]): row.value for row in then.rows}
    shift = middle - begin
    assert any(row.previous is not None for row in now.rows)
    for row in now.rows:
        earlier = (row.start.astimezone(UTC) - shift).astimezone(zone)
        assert row.previous == known.get((earlier, row.key["currency"]))


async def test_what_costs_too_much_is_refused(
    metric_world: World, reader: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route, "ROWS", Limits(100, 5))
    question = ask(
        REVENUE, begin=metric_world.begin.isoformat(), end=metric_world.end.isoformat(), by=["method", "pickup_zone"]
    )

    with pytest.raises(QueryRefused, match="100 rows") as refused:
        await answer.answer(reader, question)
    assert refused.value.code == "too_expensive"


async def test_as_of_is_when_the_newest_batch_was_delivered(metric_world: World, reader: AsyncClient) -> None:
    found = await answer.as_of(reader, REVENUE)

    assert found is not None
    assert abs((datetime.now(UTC) - found).total_seconds()) < 600
    assert metric_world.rows


def test_every_file_is_a_metric_and_one_file_and_one_line_make_one() -> None:
    files = {f"{path.parent.name}.{path.stem}" for path in FOLDER.glob("*/*.sql")}
    assert files == catalogue.BY_NAME.keys()
    for metric in catalogue.METRICS:
        rows = [reading for reading in metric.readings if reading.source.is_rows]
        assert any(metric.covers(reading, metric.dimensions) for reading in rows), metric.name
        assert metric.sentence.endswith("."), metric.name
        assert len({reading.is_ratio for reading in metric.readings}) == 1, metric.name


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("SELECT 1", "has no statement"),
        ("-- from nowhere\nSELECT 1 AS value\nFROM {source}\nWHERE 1", "'nowhere' is no source"),
        ("-- from events_raw\nSELECT 1 AS value", "do not read as"),
    ],
)
def test_a_file_that_is_wrong_is_named(text: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        parse(text, RIDES, "wrong.sql")


@pytest.mark.parametrize(
    ("moment", "granularity", "zone", "start", "end"),
    [
        ("2026-11-01T05:59:00Z", "hour", "America/New_York", "2026-11-01T05:00:00Z", "2026-11-01T06:00:00Z"),
        ("2026-11-01T12:00:00Z", "day", "America/New_York", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"),
        ("2026-03-08T12:00:00Z", "day", "America/New_York", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"),
        ("2026-05-20T10:00:00Z", "hour", "Asia/Kathmandu", "2026-05-20T09:15:00Z", "2026-05-20T10:15:00Z"),
        ("2027-01-02T12:00:00Z", "week", "UTC", "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z"),
        ("2026-02-10T00:00:00Z", "month", "UTC", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
        ("2026-05-10T00:00:00Z", "quarter", "UTC", "2026-04-01T00:00:00Z", "2026-07-01T00:00:00Z"),
        ("2024-05-10T00:00:00Z", "year", "UTC", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"),
        # Midnight is skipped there, so the day begins at one o'clock.
        ("2026-04-24T12:00:00Z", "day", "Africa/Cairo", "2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"),
    ],
)
def test_periods_are_cut_as_people_reckon(moment: str, granularity: str, zone: str, start: str, end: str) -> None:
    found_zone, length = ZoneInfo(zone), Granularity(granularity)
    begin = periods.floor(datetime.fromisoformat(moment), length, found_zone)

    assert begin == datetime.fromisoformat(start)
    assert periods.after(begin, length, found_zone) == datetime.fromisoformat(end)
