"""The metrics of five thousand real rides are what plain loops over the file of the rides say, to the cent."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.boards import answer as board_answer
from clickhouse.boards import question as boards
from clickhouse.boards.board import DRIVERS, ROUTES
from clickhouse.client import connect, connect_sync
from clickhouse.metrics import catalogue
from clickhouse.metrics.answer import read
from clickhouse.metrics.periods import Granularity
from clickhouse.metrics.question import MOST_ROWS, Question
from clickhouse.metrics.route import readings
from streams import codec
from streams.settings import Settings
from streams.world import rides as world
from tests.support.metric_oracle import at_level
from tests.support.metric_world import CHUNK, NEW_YORK
from tests.support.rides import PAID, Ride
from tests.support.rides import read as read_file
from tests.support.rows import bodies, insert, intent
from tests.support.tables import migrated

KM = Decimal("1.609344")
NEAR = 0.02
"""Percentiles of histograms, and people of sketches of some hundred, are at most so far off."""


class Replayed(NamedTuple):
    """The rides in ClickHouse."""

    settings: Settings
    shift: timedelta
    """What was added to every time of the file."""
    begin: datetime
    end: datetime


@pytest.fixture(scope="module")
def replayed(stack_settings: Settings) -> Iterator[Replayed]:
    """A database that has the whole replay, in tables and rollups."""
    settings = migrated(stack_settings.model_copy(update={"clickhouse_database": "test_real_rides"}))
    trips, now = world.read(world.FILE), datetime.now(UTC).replace(microsecond=0)
    shift = world.shift(trips, world.Times.RECENT, now)
    structs = codec.decode_values([each.value or b"" for each in world.records(trips, "real", shift)])
    with closing(connect_sync(settings)) as client:
        for number in range(0, len(structs), CHUNK):
            for table, block in bodies(structs[number : number + CHUNK], intent(), first=number).items():
                insert(client, settings, table, block, f"{table}/{number}")
        hour = now.replace(minute=0, second=0)
        yield Replayed(settings, shift, hour - timedelta(hours=72), hour + timedelta(hours=1))
        client.command("DROP DATABASE test_real_rides SYNC")


@pytest.fixture
async def reader(replayed: Replayed) -> AsyncIterator[AsyncClient]:
    """A client of that database."""
    client = await connect(replayed.settings, reading=True)
    yield client
    await client.close()


@pytest.fixture(scope="module")
def rides() -> list[Ride]:
    """The lines of the file."""
    found = read_file("nyc-rides-5000.csv")
    assert len(found) == 5_000
    return found


def cents(ride: Ride, *columns: str) -> Decimal:
    """What some columns add up to."""
    return sum((Decimal(ride[column]) for column in columns), Decimal(0))


def total(rides: list[Ride], *columns: str) -> Decimal:
    """The same of all rides."""
    return sum((cents(ride, *columns) for ride in rides), Decimal(0))


def by_driver(rides: list[Ride]) -> Mapping[str, Decimal]:
    """What each driver earned."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    for row, ride in enumerate(rides):
        found[f"nyc-driver-{row % 800}"] += Decimal(ride["driver_pay"])
    return found


def lasted(rides: list[Ride]) -> list[float]:
    """Seconds of each trip, the shortest first."""
    return sorted(float(ride["trip_time"]) for ride in rides)


WHOLE: Mapping[str, Callable[[list[Ride]], Any]] = {
    "active_users": lambda _: 2_800,  # riders, and drivers, each under a name of its own
    "active_drivers": lambda _: 800,
    "bookings_created": len,
    "bookings_confirmed": len,
    "bookings_cancelled": lambda _: 0,
    "booking_conversion": lambda _: 1.0,
    "average_booking_value": lambda rides: total(rides, "base_passenger_fare") / len(rides),
    "seats_booked": len,
    "payment_attempts": len,
    "payment_success": lambda _: 1.0,
    "gross_revenue": lambda rides: total(rides, *PAID),
    "net_revenue": lambda rides: total(rides, *PAID),
    "trips_started": len,
    "trips_completed": len,
    "trip_completion": lambda _: 1.0,
    "trip_seconds": lambda rides: sum(lasted(rides)) / len(rides),
    "trip_seconds_p50": lambda rides: at_level(lasted(rides), 0.5),
    "trip_seconds_p95": lambda rides: at_level(lasted(rides), 0.95),
    "trip_km": lambda rides: float(total(rides, "trip_miles") * KM / len(rides)),
    "trip_fares": lambda rides: total(rides, "base_passenger_fare"),
    "trip_earnings": lambda rides: total(rides, "driver_pay"),
    "trip_tips": lambda rides: total(rides, "tips"),
    "driver_km": lambda rides: float(total(rides, "trip_miles") * KM),
    "driver_earnings_mean": lambda rides: total(rides, "driver_pay") / 800,
    "driver_earnings_p50": lambda rides: at_level(sorted(by_driver(rides).values()), 0.5),
    "driver_earnings_p90": lambda rides: at_level(sorted(by_driver(rides).values()), 0.9),
    "driver_earnings_per_hour": lambda rides: 3600 * total(rides, "driver_pay") / int(sum(lasted(rides))),
    "earning_drivers": lambda _: 800,
}
"""Metrics over all of the rides' time."""


async def answers(client: AsyncClient, replayed: Replayed, name: str, **how: Any) -> list[dict[tuple[str, ...], Any]]:
    """Value by beginning and key, from each table that can answer."""
    asked: dict[str, Any] = {"granularity": Granularity.TOTAL, "limit": MOST_ROWS} | how
    metric = catalogue.BY_NAME[f"rides.{name}"]
    question = Question(metric, replayed.begin, replayed.end, NEW_YORK, **asked)
    found = []
    for reading in readings(question):
        rows = (await read(client, question, reading)).rows
        found.append({(row.start.isoformat(), *row.key.values()): row.value for row in rows})
    assert len(found) >= 2
    return found


@pytest.mark.parametrize("name", WHOLE)
async def test_a_metric_says_what_the_file_says(
    name: str, replayed: Replayed, reader: AsyncClient, rides: list[Ride]
) -> None:
    wanted = WHOLE[name](rides)

    for found in await answers(reader, replayed, name):
        (value,) = found.values()
        if isinstance(wanted, Decimal):
            assert {key[1:] for key in found} == {("USD",)}
            assert abs(value - wanted) <= Decimal("0.0001")
        elif name in ("active_users", "active_drivers", "earning_drivers") or "_p" in name:
            assert value == pytest.approx(wanted, rel=NEAR)
        else:
            assert value == pytest.approx(wanted, rel=1e-9)


async def test_money_stands_where_and_when_the_file_says(
    replayed: Replayed, reader: AsyncClient, rides: list[Ride]
) -> None:
    names = {line["location_id"]: line["zone"] for line in read_file("nyc-taxi-zones.csv")}
    paid: dict[str, Decimal] = defaultdict(Decimal)
    hours: dict[str, Decimal] = defaultdict(Decimal)
    for ride in rides:
        paid[names[ride["PULocationID"]]] += cents(ride, *PAID)
        # The shift is added to a moment, not to what the clock shows.
        at = datetime.fromisoformat(ride["dropoff_datetime"]).replace(tzinfo=NEW_YORK).astimezone(UTC) + replayed.shift
        hours[at.astimezone(NEW_YORK).replace(minute=0, second=0, microsecond=0).isoformat()] += cents(ride, *PAID)

    for found in await answers(reader, replayed, "gross_revenue", by=("pickup_zone",)):
        assert {zone: value for (_, zone, _), value in found.items()} == paid
    for found in await answers(reader, replayed, "gross_revenue", granularity=Granularity.HOUR):
        assert {start: value for (start, _), value in found.items()} == hours
    assert len(hours) > 2
    assert len(paid) > 150


async def test_boards_rank_whom_the_file_ranks(replayed: Replayed, reader: AsyncClient, rides: list[Ride]) -> None:
    names = {line["location_id"]: line["zone"] for line in read_file("nyc-taxi-zones.csv")}
    ways = Counter((names[ride["PULocationID"]], names[ride["DOLocationID"]]) for ride in rides)
    span: dict[str, Any] = {"begin": replayed.begin.isoformat(), "end": replayed.end.isoformat(), "limit": 100}

    (drivers,) = (await board_answer.ask(reader, boards.ask(DRIVERS, by="earnings", **span)))["boards"]
    (routes,) = (await board_answer.ask(reader, boards.ask(ROUTES, by="bookings", **span)))["boards"]

    earned = by_driver(rides)
    assert (drivers["currency"], drivers["members"]) == ("USD", 800)
    assert [Decimal(row["value"]) for row in drivers["rows"]] == sorted(earned.values(), reverse=True)[:100]
    assert {row["driver_id"]: Decimal(row["value"]) for row in drivers["rows"]}.items() <= earned.items()
    assert [row["value"] for row in routes["rows"]] == sorted(ways.values(), reverse=True)[:100]
    assert {(row["from_zone"], row["to_zone"]): row["value"] for row in routes["rows"]}.items() <= ways.items()
