"""Five thousand real rides, from the file to ClickHouse: every count, cent and window, held to the file itself."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import pytest

from streams.settings import Settings
from tests.support.found import assert_exact, doubled, one, query, wait_for
from tests.support.producers import send
from tests.support.rides import EXPECTED, PAID, Ride, assert_windows, read
from tests.support.workers import Crew

pytestmark = pytest.mark.slow

TYPES = ("booking.created", "booking.confirmed", "trip.started", "trip.completed", "payment.success")


def total(rides: list[Ride], *columns: str) -> Decimal:
    """What these columns add up to, to the cent."""
    return sum((Decimal(ride[column]) for ride in rides for column in columns), Decimal(0))


def span(rides: list[Ride], first: str, last: str) -> int:
    """Seconds from the earliest to the latest; the file has one time zone and no change of the clock."""
    times = [min(ride[first] for ride in rides), max(ride[last] for ride in rides)]
    return int((datetime.fromisoformat(times[1]) - datetime.fromisoformat(times[0])).total_seconds())


def by_zone(rides: list[Ride], column: str) -> Counter[str]:
    """Rides by the name of a zone."""
    names = {line["location_id"]: line["zone"] for line in read("nyc-taxi-zones.csv")}
    return Counter(names[ride[column]] for ride in rides)


@pytest.fixture
def replayed(embedded: Settings, workers: Crew) -> Settings:
    """Settings of a database that has the whole replay, and no worker any more; its windows were the file's."""
    settings = embedded.model_copy(update={"watermark_idle_seconds": 15.0})
    worker = workers.start(settings, whole=True)
    assert send(settings, "replay", "rides")["sent"] == 25_000
    wait_for(settings, EXPECTED)
    assert_windows(settings, [worker])
    assert workers.stop() == [0]
    assert_exact(settings, EXPECTED)
    return settings


def test_the_real_rides_arrive_to_the_cent(replayed: Settings) -> None:
    rides = read("nyc-rides-5000.csv")
    assert len(rides) == 5_000

    def amount(table: str, column: str, kind: str) -> Decimal:
        sql = f"SELECT toString(sum({column})), uniqExact(currency), any(currency) FROM {table}"
        ((found, currencies, currency),) = query(replayed, f"{sql} WHERE event_type = '{kind}'")
        assert (currencies, currency) == (1, "USD")
        return Decimal(found)

    def zones(table: str, column: str, kind: str) -> dict[str, int]:
        rows = query(replayed, f"SELECT {column}, count() FROM {table} WHERE event_type = '{kind}' GROUP BY 1")
        return dict(map(tuple, rows))

    assert dict(map(tuple, query(replayed, "SELECT event_type, count() FROM events_raw GROUP BY 1"))) == dict.fromkeys(
        TYPES, 5_000
    )
    _check_amounts(rides, amount)
    _check_zones(rides, zones)
    assert one(replayed, "SELECT sum(duration_s) FROM trip_events") == sum(int(ride["trip_time"]) for ride in rides)
    # Only moved in time, all by the same: the first request, or a pickup before it, to the last dropoff.
    first = min(("request_datetime", "pickup_datetime", "on_scene_datetime"), key=lambda c: _earliest(rides, c))
    seconds = one(replayed, "SELECT dateDiff('second', min(occurred_at), max(occurred_at)) FROM events_raw")
    filled = [ride for ride in rides if ride[first].strip()]
    assert seconds == max(span(filled, first, "dropoff_datetime"), span(filled, first, "pickup_datetime"))
    assert doubled(replayed) == {}


def _earliest(rides: list[Ride], column: str) -> str:
    return min(ride[column] for ride in rides if ride[column].strip())


def _check_amounts(rides: list[Ride], amount: Callable[[str, str, str], Decimal]) -> None:
    fares = total(rides, "base_passenger_fare")
    for table in ("trip_events", "events_raw"):
        assert amount(table, "fare", "trip.completed") == fares
        assert amount(table, "tip", "trip.completed") == total(rides, "tips")
        assert amount(table, "driver_earnings", "trip.completed") == total(rides, "driver_pay")
    for table in ("payment_events", "events_raw"):
        assert amount(table, "amount", "payment.success") == total(rides, *PAID)
    for kind in ("booking.created", "booking.confirmed"):
        assert amount("booking_events", "amount", kind) == fares


def _check_zones(rides: list[Ride], zones: Callable[[str, str, str], dict[str, int]]) -> None:
    pickups, dropoffs = by_zone(rides, "PULocationID"), by_zone(rides, "DOLocationID")
    assert len(pickups) > 150
    for table, kind in (
        ("booking_events", "booking.created"),
        ("booking_events", "booking.confirmed"),
        ("trip_events", "trip.started"),
        ("trip_events", "trip.completed"),
        ("payment_events", "payment.success"),
    ):
        assert zones(table, "pickup_zone", kind) == pickups
    assert zones("booking_events", "dropoff_zone", "booking.created") == dropoffs
    assert zones("trip_events", "dropoff_zone", "trip.completed") == dropoffs
