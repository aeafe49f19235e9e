"""Daily metrics are what the events say; late events and rebuilds make a day due again, and a run replaces a day."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client

from clickhouse import daily_job
from clickhouse.daily import DAILY
from clickhouse.histogram import rounded
from streams.events.domains import RIDES, TICKETING
from streams.settings import Settings
from tests.support.rows import DAY, bodies, insert, intent, samples

BOTH = ("rides", "ticketing")
LATE = 330.0
"""Seconds for which a batch may come late."""
NEW_YORK = ZoneInfo(RIDES.reporting_zone)


def load(client: Client, settings: Settings, events: list[Any], first: int = 0) -> None:
    for table, block in bodies(events, intent(), first=first).items():
        insert(client, settings, table, block, f"{table}/{first}")


async def run(client: AsyncClient, late: float = LATE) -> int:
    return await daily_job.run(daily_job.Store(client), BOTH, None, late, lambda *_: None)


def values(client: Client, metric: str, domain: str, day: date = DAY) -> dict[str, Decimal | None]:
    """Value of a metric by its dimension or currency."""
    sql = (
        "SELECT arrayElement(mapValues(dimensions), 1), currency, value FROM metrics_daily FINAL "
        "WHERE metric = {metric:String} AND domain = {domain:String} AND day = {day:Date}"
    )
    rows = client.query(sql, parameters={"metric": metric, "domain": domain, "day": day}).result_rows
    return {dimension or currency: value for dimension, currency, value in rows}


async def test_a_closed_day_is_what_the_events_say(client: Client, async_client: AsyncClient, store: Settings) -> None:
    sales = samples(TICKETING, 200)
    rides = samples(RIDES, 200, days=2)
    load(client, store, sales)
    load(client, store, rides)

    assert await run(async_client) == 3

    sold = [event.data for event in sales if event.spec.name == "ticket.purchased"]
    revenue = {each.currency: sum(s.amount for s in sold if s.currency == each.currency) for each in sold}
    assert {k: v for k, v in values(client, "gross_revenue", "ticketing").items() if v} == revenue
    orders = {c: len({s.order_id for s in sold if s.currency == c}) for c in revenue}
    average = values(client, "average_order_value", "ticketing")
    assert {c: round(float(average[c] or 0), 4) for c in orders} == {
        c: round(float(revenue[c]) / n, 4) for c, n in orders.items()
    }
    own = [event for event in rides if event.time.astimezone(NEW_YORK).date() == DAY]
    types = {event.spec.name: sum(e.spec.name == event.spec.name for e in own) for event in own}
    assert values(client, "events", "rides") == types
    paid = sorted(e.time - e.data.initiated_at for e in own if e.spec.name == "payment.success")
    late = max(0, round(paid[int(0.95 * len(paid))] / timedelta(milliseconds=1)))
    assert values(client, "payment_p95_ms", "rides") == {"": rounded(late)}
    active = {getattr(e.data, key, None) for e in own for key in ("user_id", "driver_id")} - {None, ""}
    pings = {e.data.driver_id for e in own if e.spec.name == "driver.location.updated"}
    others = [e for e in own if e.spec.name != "driver.location.updated"]
    people = {getattr(e.data, key, None) for e in others for key in ("user_id", "driver_id")} - {None, ""}
    assert values(client, "active_users", "rides") == {"": len(people)}
    assert active - people <= pings


async def test_a_ratio_of_nothing_is_no_number(client: Client, async_client: AsyncClient, store: Settings) -> None:
    load(client, store, [event for event in samples(RIDES, 60) if event.spec.name == "trip.started"])

    await run(async_client)

    assert values(client, "trip_seconds", "rides") == {"": None}
    assert values(client, "trip_completion", "rides") == {"": 0}


async def test_only_days_that_changed_are_computed_again(
    client: Client, async_client: AsyncClient, store: Settings
) -> None:
    load(client, store, samples(TICKETING, 60, days=3))
    assert await run(async_client) == 3
    # Batches of the last minutes may still be on their way; as of later they are not.
    assert await run(async_client) == 3
    assert await run(async_client, late=0) == 0
    before = values(client, "events", "ticketing", DAY - timedelta(days=1))

    late = [event for event in samples(TICKETING, 60, days=2, seed=8) if event.time.date() < DAY]
    load(client, store, late, first=1000)

    assert await run(async_client, late=0) == 1
    after = values(client, "events", "ticketing", DAY - timedelta(days=1))
    assert sum(filter(None, after.values())) == sum(filter(None, before.values())) + len(late)
    client.command(f"INSERT INTO rebuilds (target, day, began_at) VALUES ('user_funnel', '{DAY}', now64(3))")
    assert await run(async_client, late=0) == 2  # a day of another zone may lie on the day after
    assert client.query(
        "SELECT count() = uniqExact(day, metric, dimensions, currency) FROM metrics_daily"
    ).result_rows == [(True,)]


async def test_a_day_that_runs_is_not_computed(client: Client, async_client: AsyncClient, store: Settings) -> None:
    events = samples(RIDES, 60)
    load(client, store, events)
    today = datetime.now(UTC).astimezone(NEW_YORK).date()

    days = await daily_job.due(daily_job.Store(async_client), RIDES, LATE)

    assert today not in days
    assert all(days.values())


async def test_what_a_day_no_longer_has_is_gone(client: Client, async_client: AsyncClient, store: Settings) -> None:
    load(client, store, samples(TICKETING, 60))
    await run(async_client)
    client.command("TRUNCATE TABLE organizer_daily_metrics")

    await daily_job.compute(daily_job.Store(async_client), TICKETING, DAY)

    assert values(client, "organizer_revenue", "ticketing") == {}
    assert values(client, "tickets_sold", "ticketing") != {}


def test_a_metric_is_declared_once() -> None:
    names = [(each.domain.name, each.metric) for each in DAILY]
    assert len(names) == len(set(names))
