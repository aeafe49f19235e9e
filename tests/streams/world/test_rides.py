"""The replay of real rides against sums and counts that are taken from the file by other means."""

import csv
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from streams import codec
from streams.errors import ConfigurationError
from streams.world import rides
from streams.world.rides import Times
from streams.world.zones import DATA

START = datetime(2026, 7, 15, 12, 0, 0, 123000, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    """The file, read by nothing of the product."""
    with (DATA / "nyc-rides-5000.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def zone_names() -> dict[str, str]:
    """The zone table, likewise."""
    with (DATA / "nyc-taxi-zones.csv").open(newline="") as file:
        return {row["location_id"]: row["zone"] for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def trips() -> list[rides.Trip]:
    """The trips as the product reads them."""
    return rides.read(rides.FILE)


@pytest.fixture(scope="module")
def sent(trips: list[rides.Trip]) -> list[dict[str, Any]]:
    """All events of a recent replay, as they stand on the wire."""
    moved = rides.shift(trips, Times.RECENT, START)
    return [msgspec.json.decode(record.value or b"") for record in rides.records(trips, "r", moved)]


def _of(sent: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event["data"] for event in sent if event["type"] == kind]


def test_five_events_of_every_trip(sent: list[dict[str, Any]]) -> None:
    assert Counter(event["type"] for event in sent) == dict.fromkeys(
        ("booking.created", "booking.confirmed", "trip.started", "trip.completed", "payment.success"), 5000
    )
    assert len({event["id"] for event in sent}) == 25_000


def test_the_sums_are_exact_to_the_cent(sent: list[dict[str, Any]], rows: list[dict[str, str]]) -> None:
    def column(*names: str) -> Decimal:
        return sum((Decimal(row[name]) for row in rows for name in names), Decimal(0))

    def total(kind: str, name: str) -> Decimal:
        return sum((Decimal(data[name]) for data in _of(sent, kind)), Decimal(0))

    fare = column("base_passenger_fare")
    paid = column("base_passenger_fare", "tolls", "bcf", "sales_tax", "congestion_surcharge", "airport_fee", "tips")
    assert total("trip.completed", "fare") == fare
    assert total("booking.created", "amount") == total("booking.confirmed", "amount") == fare
    assert total("payment.success", "amount") == paid
    assert total("trip.completed", "tip") == column("tips")
    assert total("trip.completed", "driver_earnings") == column("driver_pay")
    assert total("trip.completed", "duration_s") == column("trip_time")
    assert sum(Decimal(data["fare"]) < 0 for data in _of(sent, "trip.completed")) == 7
    km = sum(data["distance_km"] for data in _of(sent, "trip.completed"))
    assert km == pytest.approx(float(column("trip_miles")) * 1.609344)


def test_every_amount_is_text(sent: list[dict[str, Any]]) -> None:
    assert all(isinstance(data["amount"], str) for data in _of(sent, "payment.success"))


def test_the_counts_by_pickup_zone(
    sent: list[dict[str, Any]], rows: list[dict[str, str]], zone_names: dict[str, str]
) -> None:
    expected = Counter(zone_names[row["PULocationID"]] for row in rows)
    for kind in ("booking.created", "booking.confirmed", "trip.started", "trip.completed", "payment.success"):
        assert Counter(data["pickup"]["zone"] for data in _of(sent, kind)) == expected
    arrivals = Counter(zone_names[row["DOLocationID"]] for row in rows)
    assert Counter(data["dropoff"]["zone"] for data in _of(sent, "trip.completed")) == arrivals


def test_people_by_row(sent: list[dict[str, Any]]) -> None:
    for data in _of(sent, "trip.completed"):
        row = int(data["trip_id"].rpartition("-")[2])
        assert data["user_id"] == f"nyc-rider-{row % 2000}"
        assert data["driver_id"] == f"nyc-driver-{row % 800}"


def test_confirmed_on_the_scene_or_at_the_pickup(sent: list[dict[str, Any]], rows: list[dict[str, str]]) -> None:
    began = {data["booking_id"]: event["time"] for event in sent if (data := event["data"])
             and event["type"] == "trip.started"}  # fmt: skip
    at_pickup = 0
    for event in sent:
        if event["type"] == "booking.confirmed":
            row = rows[int(event["data"]["booking_id"].rpartition("-")[2])]
            if not row["on_scene_datetime"].strip() or row["on_scene_datetime"] > row["pickup_datetime"]:
                at_pickup += 1
                assert event["time"] == began[event["data"]["booking_id"]]
    assert sum(not row["on_scene_datetime"].strip() for row in rows) == 1197
    assert at_pickup == 1197 + 5


def test_in_event_time_order_up_to_a_minute_before_the_start(sent: list[dict[str, Any]]) -> None:
    times = [datetime.fromisoformat(event["time"]) for event in sent]
    assert times == sorted(times)
    assert times[-1] == START - timedelta(minutes=1)


def test_every_event_is_valid_on_its_topic(trips: list[rides.Trip]) -> None:
    by_topic: dict[str, list[bytes | None]] = {}
    for record in rides.records(trips, "r", rides.shift(trips, Times.ORIGINAL, START)):
        by_topic.setdefault(record.topic, []).append(record.value)
    for topic, values in by_topic.items():
        refused = [event for event in codec.decode_values(values, topic=topic) if isinstance(event, codec.Refusal)]
        assert refused == []


def test_original_times_are_new_yorks(trips: list[rides.Trip], rows: list[dict[str, str]]) -> None:
    assert rides.shift(trips, Times.ORIGINAL, START) == timedelta(0)
    for trip, row in zip(trips, rows, strict=True):
        assert trip.picked_up.astimezone(NEW_YORK).strftime("%Y-%m-%d %H:%M:%S") == row["pickup_datetime"]


@pytest.mark.parametrize(
    "start", [START, datetime(2026, 1, 10, 7, 20, tzinfo=UTC), datetime(2022, 7, 2, 6, 19, 30, tzinfo=UTC)]
)
def test_whole_weeks_keep_weekday_and_hour_over_summer_time(trips: list[rides.Trip], start: datetime) -> None:
    moved = rides.shift(trips, Times.WEEKDAY, start)
    last = max(trip.dropped_off for trip in trips)
    assert timedelta(minutes=1) <= start - (last + moved) < timedelta(days=8)
    before, after = last.astimezone(NEW_YORK), (last + moved).astimezone(NEW_YORK)
    assert (before.weekday(), before.time()) == (after.weekday(), after.time())
    assert (after.replace(tzinfo=None) - before.replace(tzinfo=None)) % timedelta(weeks=1) == timedelta(0)


def test_the_same_run_is_the_same_bytes(trips: list[rides.Trip]) -> None:
    moved = rides.shift(trips, Times.RECENT, START)
    first, again = (list(rides.records(trips[:50], "r", moved)) for _ in range(2))
    other = list(rides.records(trips[:50], "s", moved))
    assert first == again
    assert not {record.value for record in first} & {record.value for record in other}


def test_a_file_of_another_kind_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "rides.csv"
    with pytest.raises(ConfigurationError, match="cannot be read"):
        rides.read(path)
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ConfigurationError, match="line 2"):
        rides.read(path)
    lines = rides.FILE.read_text().splitlines()
    path.write_text("\n".join([*lines[:3], lines[3].replace("2022-01-01", "yesterday")]))
    with pytest.raises(ConfigurationError, match="line 4"):
        rides.read(path)
    path.write_text(lines[0] + "\n")
    with pytest.raises(ConfigurationError, match="no trips"):
        rides.read(path)
