"""Rollups are what a query over the raw rows says: after retries, after a crash between source and view, with any rows.

Every test runs for each table that views fill, so a new line in `clickhouse.rollups.ROLLUPS` is tested without a test.
"""

import math
import random
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from clickhouse import compare, feeds
from clickhouse.client import connect, connect_sync
from clickhouse.columns import FAMILIES, RAW
from clickhouse.histogram import ERROR, quantile_sql, rounded
from clickhouse.quiet import Patience
from clickhouse.rebuild import alone, plan, rebuild
from clickhouse.rollups import ROLLUPS, TARGETS
from streams.events import registry
from streams.events.columns import base_type
from streams.events.domains import RIDES, TICKETING
from streams.events.sample import sample
from streams.settings import Settings
from tests.support.rows import DAY, bodies, decoded, insert, intent, samples
from tests.support.tables import migrated

pytestmark = pytest.mark.xdist_group("rollups")
AT_ONCE = Patience(closed=0, silent=0, resumed=0)
"""No worker runs in these tests."""
NAMES = [*TARGETS, *(family.name for family in FAMILIES)]
WIDE = {"events_hourly", "organizer_daily_metrics", "geographic_metrics", "device_analytics"}
"""Rollups with so many rows that to hold them to the source takes seconds of a core."""
OFTEN = {
    "user_funnel": (),
    "hourly_payments": (),
    "trip_events": (),
    "events_hourly": (pytest.mark.long,),
    "page_views": (pytest.mark.long,),
}
"""Made again in every run of the tests: of both domains, by month and by day; the others among the long proofs."""


@pytest.fixture(scope="module")
def filled(stack_settings: Settings) -> Iterator[Settings]:
    """A database into which everything was inserted in the worst way that still ends well."""
    settings = stack_settings.model_copy(update={"clickhouse_database": "test_rollups"})
    client = connect_sync(migrated(settings), database=True)
    # The view that fails in the middle of the others does so over three days; those before and after them over one.
    for number, (name, days) in enumerate({"a_broken_mv": 1, "h_broken_mv": 3, "zz_broken_mv": 1}.items()):
        for domain in (RIDES, TICKETING):
            events = samples(domain, 150, days=days, apart=16, seed=number)
            [(table, block)] = bodies(events, intent(), first=1000 * number).items()
            client.command("CREATE TABLE broken (`n` UInt8) ENGINE = MergeTree ORDER BY n")
            client.command(f"CREATE MATERIALIZED VIEW {name} TO broken AS SELECT throwIf(1) AS n FROM {table}")
            with pytest.raises(ClickHouseError):
                insert(client, settings, table, block, f"{number}")
            client.command(f"DROP TABLE {name} SYNC")
            client.command("DROP TABLE broken SYNC")
            for _ in range(2):
                insert(client, settings, table, block, f"{number}")
    _insert_hostile(client)
    yield settings
    client.command(f"DROP DATABASE {settings.clickhouse_database} SYNC")
    client.close()


EDGES: dict[str, list[Any]] = {
    "Float64": [math.nan, math.inf, -1e308],
    "DateTime64(3, 'UTC')": [datetime(1900, 1, 1, tzinfo=UTC), datetime(2299, 12, 31, tzinfo=UTC)],
    "Decimal(18, 4)": [Decimal("99999999999999.9999"), Decimal("-99999999999999.9999")],
    "UInt8": [255],
    "UInt16": [2**16 - 1],
    "UInt32": [2**32 - 1],
    "UInt64": [2**64 - 1],
    "LowCardinality(String)": ["", "\u00df" * 300],
    "String": ["\x00'\\", "\u00df" * 300],
    "Bool": [True],
}
"""Values at the ends of a type."""


def _insert_hostile(client: Client) -> None:
    """Rows that lack everything, and rows whose every value is at an end of its type."""
    for raw in RAW:
        own = ["event_type", "occurred_at", "ingested_at"]
        rest = [column for column in raw.columns if column.name not in own]
        now = datetime.now(UTC)
        lines: list[list[Any]] = []
        for spec in registry.of(raw.domain):
            for n in range(3):
                ends = [EDGES[base_type(column.clickhouse_type)] for column in rest]
                lines.append([spec.name, now, now, *(values[n % len(values)] for values in ends)])
        client.insert(raw.name, lines, [*own, *(column.name for column in rest)], settings={"async_insert": 0})
        client.insert(
            raw.name,
            [[spec.name, now, now] for spec in registry.of(raw.domain)],
            own,
            column_type_names=["String", "DateTime64(3, 'UTC')", "DateTime64(3, 'UTC')"],
            settings={"async_insert": 0},
        )


async def _differences(settings: Settings, name: str, table: str = "") -> list[compare.Difference]:
    client = await connect(settings)
    try:
        target = await feeds.find(client, name)
        return await compare.differences(client, target, await feeds.days_of(client, target.sources), table)
    finally:
        await client.close()


def test_counts_of_distinct_values_may_differ_by_their_sketch_alone(client: Client) -> None:
    """At 512 values a sketch that sees one of them again becomes an estimate; one that does not is exact."""
    once, again = (
        client.query(f"SELECT uniqCombined64(14)(sipHash64(number % 512)) FROM numbers({count})").result_rows[0][0]
        for count in (512, 513)
    )
    assert once == 512 < again
    assert compare.same(once, again, is_sketch=True)
    assert not compare.same(once, again, is_sketch=False)
    assert not compare.same(512, 600, is_sketch=True)
    assert compare.same(3, 5, is_sketch=True)
    assert not compare.same(3, 20, is_sketch=True)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long) if name in WIDE else name for name in NAMES]
)
async def test_a_table_is_what_a_query_over_the_raw_rows_says(name: str, filled: Settings) -> None:
    client = connect_sync(filled)
    assert client.query(f"SELECT count() > 0 FROM {name}").result_rows == [(True,)]
    client.close()

    assert await _differences(filled, name) == []


def test_every_view_that_fills_a_table_is_among_them(filled: Settings) -> None:
    """But for those of the witness, which is held to the raw rows here."""
    client = connect_sync(filled)
    try:
        sql = "SELECT create_table_query FROM system.tables WHERE database = currentDatabase() AND engine = {e:String}"
        views = [str(create) for (create,) in client.query(sql, {"e": "MaterializedView"}).result_rows]
        filled_by = {found[1] for create in views if (found := re.search(r" TO \w+\.(\w+)", create))}
        assert len(views) > len(NAMES)
        assert filled_by == {*NAMES, "delivered"}
        for raw in RAW:
            newest = "SELECT shard, max(intent) FROM {} GROUP BY shard ORDER BY shard"
            seen = newest.format(f"delivered WHERE relation = '{raw.name}'")
            assert client.query(seen).result_rows == client.query(newest.format(raw.name)).result_rows != []
    finally:
        client.close()


@pytest.mark.parametrize("name", [pytest.param(name, marks=OFTEN.get(name, pytest.mark.faults)) for name in NAMES])
async def test_what_is_doubled_or_missing_is_seen_and_made_again(name: str, filled: Settings) -> None:
    """A day twice, and all of one partition gone; the days beside them in the same partition stay as they are."""
    client = await connect(filled)
    try:
        target = await feeds.find(client, name)
        days = sorted(await feeds.days_of(client, target.sources))
        one = f"toDate({target.time}, 'UTC') = '{days[1]}'"
        await client.command(f"INSERT INTO {name} SELECT * FROM {name} WHERE {one}", settings={"insert_deduplicate": 0})
        doubled = await compare.differences(client, target, days)
        assert [each.day for each in doubled] == [days[1]]
        await rebuild(alone(client, [await plan(client, target, [days[1]])]), AT_ONCE, lambda *_: None)
        assert await compare.differences(client, target, days) == []

        await client.command(f"ALTER TABLE {name} DROP PARTITION {target.partition_of(days[-1])}")
        missing = [each.day for each in await compare.differences(client, target, days)]
        assert missing == [day for day in days if target.partition_of(day) == target.partition_of(days[-1])]
        await rebuild(alone(client, [await plan(client, target, missing)]), AT_ONCE, lambda *_: None)
        assert await compare.differences(client, target, days) == []
    finally:
        await client.close()


async def test_one_value_counted_as_another_is_seen(filled: Settings) -> None:
    """All numbers of a group are right, but for a trip more in its histogram."""
    client = await connect(filled)
    try:
        target = await feeds.find(client, "daily_trips")
        days = sorted(await feeds.days_of(client, target.sources))
        await client.command("CREATE TABLE changed AS daily_trips")
        await client.command("INSERT INTO changed SELECT * FROM daily_trips")
        keys = "bucket, started_bucket, event_type, pickup_city, pickup_zone, cancelled_by, currency"
        [(day,)] = (await client.query("SELECT toDate(max(bucket)) FROM changed")).result_rows
        await client.command(
            f"INSERT INTO changed ({keys}, duration) SELECT {keys}, map(7, 1) FROM daily_trips "
            "ORDER BY bucket DESC LIMIT 1"
        )
        wrong = await compare.differences(client, target, days, "changed")
    finally:
        await client.command("DROP TABLE IF EXISTS changed SYNC")
        await client.close()

    assert [(each.day, each.what) for each in wrong] == [(day, "content")]


@cache
def sales() -> list[Any]:
    """Events of ticketing."""
    return samples(TICKETING, 400, days=3)


@cache
def few_rides() -> list[Any]:
    """Events of rides, so few that the sketches are exact."""
    return samples(RIDES, 250, days=3)


LASTING = [100 + 13 * n for n in range(200)]
"""Seconds of trips that end after all other events."""


@pytest.fixture(scope="module")
def loaded(stack_settings: Settings) -> Iterator[Client]:
    """A client of a database into which these were inserted as they should be."""
    settings = stack_settings.model_copy(update={"clickhouse_database": "test_rollups_loaded"})
    client = connect_sync(migrated(settings), database=True)
    trip = next(spec for spec in registry.of(RIDES) if spec.name == "trip.completed")
    made = [sample(trip, random.Random(n), datetime.now(UTC)) for n in range(len(LASTING))]
    trips = [each | {"data": each["data"] | {"duration_s": s}} for each, s in zip(made, LASTING, strict=True)]
    for number, events in enumerate((sales(), few_rides(), decoded(trips))):
        for table, block in bodies(events, intent(), first=1000 * number).items():
            insert(client, settings, table, block, f"{table}/{number}")
    yield client
    client.command(f"DROP DATABASE {settings.clickhouse_database} SYNC")
    client.close()


def _before_the_trips(column: str) -> str:
    """The condition that a row is not of the trips that end after all other events."""
    return f"toDate({column}) <= '{DAY}'"


def test_every_declared_view_fills_its_table_from_its_domain(loaded: Client) -> None:
    shown = loaded.query(
        "SELECT name, create_table_query FROM system.tables "
        "WHERE database = currentDatabase() AND engine = 'MaterializedView'"
    ).result_rows
    found = {str(name): str(sql) for name, sql in shown}

    for rollup in ROLLUPS:
        sql = found[rollup.view]
        assert f".{rollup.target} " in sql, rollup.view
        assert f".{rollup.domain.raw_table} " in sql, rollup.view
        grain = {15: "toStartOfFifteenMinutes(block.occurred_at) AS bucket", 5: "toStartOfFiveMinutes("}
        assert grain[rollup.minutes] in sql, rollup.view
    aggregating = loaded.query(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'AggregatingMergeTree'"
    ).result_rows
    assert {name for (name,) in aggregating} == set(TARGETS), "a rollup needs a line in clickhouse/rollups.py"
    counted = loaded.query(
        "SELECT table FROM system.columns WHERE database = currentDatabase() AND name = 'events' "
        "AND startsWith(type, 'Simple')"
    ).result_rows
    assert {name for (name,) in counted} == set(TARGETS), "a rollup counts its events in a column of this name"


def test_sales_are_what_the_events_say(loaded: Client) -> None:
    sold = [event.data for event in sales() if event.spec.name == "ticket.purchased"]
    refunded = [event.data for event in sales() if event.spec.name == "ticket.refunded"]

    for table in ("revenue_analytics", "organizer_daily_metrics", "event_performance", "realtime_dashboard"):
        rows = loaded.query(
            "SELECT currency, sumIf(amount, event_type = 'ticket.purchased'), sum(refund_amount), "
            "sumIf(quantity, event_type = 'ticket.purchased') "
            f"FROM {table} WHERE event_type IN ('ticket.purchased', 'ticket.refunded') GROUP BY currency"
        ).result_rows
        assert {currency: tuple(rest) for currency, *rest in rows} == {
            currency: (
                sum(each.amount for each in sold if each.currency == currency),
                sum(each.refund_amount for each in refunded if each.currency == currency),
                sum(each.quantity for each in sold if each.currency == currency),
            )
            for currency in {each.currency for each in (*sold, *refunded)}
        }, table
    orders = "SELECT uniqCombined64Merge(14)(orders) FROM revenue_analytics WHERE event_type = 'ticket.purchased'"
    assert loaded.query(orders).result_rows == [(len({each.order_id for each in sold}),)]


def test_people_are_counted_once(loaded: Client) -> None:
    active = [event for event in few_rides() if event.spec.name != "driver.location.updated"]
    riders = {getattr(event.data, "user_id", None) for event in active} - {None, ""}
    drivers = {getattr(event.data, "driver_id", None) for event in active} - {None, ""}

    rows = loaded.query(
        "SELECT uniqCombined64Merge(14)(users), uniqCombined64Merge(14)(drivers) FROM daily_users "
        f"WHERE {_before_the_trips('bucket')}"
    ).result_rows
    people = loaded.query(
        "SELECT uniqCombined64Merge(14)(state) FROM (SELECT arrayJoin([users, drivers]) AS state FROM daily_users "
        f"WHERE {_before_the_trips('bucket')})"
    ).result_rows

    assert rows == [(len(riders), len(drivers))]
    assert people == [(len(riders | drivers),)]


def test_people_of_a_moment_are_one_state_but_for_accounts(loaded: Client) -> None:
    """Of events that have neither place nor channel a bucket has one row, however many types they are of."""
    types = [event.spec.name for event in few_rides() if event.spec.name != "driver.location.updated"]
    accounts = Counter(name for name in types if name.startswith("user."))

    rows = loaded.query(
        "SELECT event_type, sum(events), uniqExact(bucket) = count() FROM (SELECT * FROM daily_users FINAL) "
        f"WHERE {_before_the_trips('bucket')} AND (event_type = '' OR startsWith(event_type, 'user.')) "
        "GROUP BY event_type"
    ).result_rows

    counts = {name: count for name, count, _ in rows}
    assert counts == {**accounts, "": len(types) - accounts.total()}
    assert [is_one for name, _, is_one in rows if name == ""] == [True]


def test_a_booking_is_told_by_when_it_was_created(loaded: Client) -> None:
    """Confirmed today, created yesterday: it counts for yesterday's conversion."""
    confirmed = [event.data for event in few_rides() if event.spec.name == "booking.confirmed"]

    rows = loaded.query(
        "SELECT toDate(created_bucket), sum(events) FROM hourly_bookings "
        "WHERE event_type = 'booking.confirmed' GROUP BY 1"
    ).result_rows

    days = [each.created_at.astimezone(UTC).date() for each in confirmed]
    assert {day: int(count) for day, count in rows} == {day: days.count(day) for day in days}


def test_a_driver_earns_what_the_trips_say(loaded: Client) -> None:
    trips = [event.data for event in few_rides() if event.spec.name == "trip.completed"]

    rows = loaded.query(
        "SELECT driver_id, currency, sum(earnings), sum(events) FROM driver_earnings "
        f"WHERE event_type = 'trip.completed' AND {_before_the_trips('bucket')} GROUP BY driver_id, currency"
    ).result_rows

    keys = [(each.driver_id, each.currency) for each in trips]
    assert {(driver, currency): (earned, count) for driver, currency, earned, count in rows} == {
        key: (sum(each.driver_earnings for each in trips if (each.driver_id, each.currency) == key), keys.count(key))
        for key in keys
    }


def test_percentiles_are_those_of_the_events(loaded: Client) -> None:
    """But for how they are rounded."""
    found = loaded.query(
        f"SELECT {quantile_sql(0.5, 'duration')}, {quantile_sql(0.95, 'duration')} FROM daily_trips "
        f"WHERE NOT {_before_the_trips('bucket')}"
    ).result_rows

    assert found == [(rounded(LASTING[100]), rounded(LASTING[190]))]
    assert found == [(pytest.approx(LASTING[100], rel=ERROR), pytest.approx(LASTING[190], rel=ERROR))]


def test_a_payment_is_counted_by_the_milliseconds_that_it_took(loaded: Client) -> None:
    payments = [event for event in few_rides() if event.spec.name == "payment.success"]
    passed = [max(0, round((each.time - each.data.initiated_at) / timedelta(milliseconds=1))) for each in payments]

    found = loaded.query(
        f"SELECT sumMap(processing) FROM hourly_payments WHERE {_before_the_trips('bucket')}"
    ).result_rows

    assert found == [(Counter(map(rounded, passed)),)]


def test_buckets_are_cut_into_days_of_any_zone(loaded: Client) -> None:
    """Kathmandu lies 5:45 from UTC: an hourly bucket could not be cut there."""
    zone = timedelta(hours=5, minutes=45)

    rows = loaded.query(
        "SELECT toDate(bucket, 'Asia/Kathmandu') AS day, sum(events) FROM events_hourly "
        "WHERE domain = 'ticketing' GROUP BY day"
    ).result_rows

    days = [(event.time.astimezone(UTC) + zone).date() for event in sales()]
    assert {day: int(count) for day, count in rows} == {day: days.count(day) for day in days}
