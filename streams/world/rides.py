"""Real rides of New York as events: five of a trip, in event-time order, moved to where they are wanted."""

import csv
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from streams.errors import ConfigurationError
from streams.world.record import Record, compose
from streams.world.zones import DATA, UNKNOWN, zones

FILE = DATA / "nyc-rides-5000.csv"
"""The rides that ship with the product."""
SOURCE = "/nyc-tlc/high-volume-trips"
NEW_YORK = ZoneInfo("America/New_York")
KM_PER_MILE = Decimal("1.609344")
RIDERS = 2000
DRIVERS = 800
BEFORE_START = timedelta(minutes=1)
"""The last event of a replay lies so long before its start."""
PAID = ("base_passenger_fare", "tolls", "bcf", "sales_tax", "congestion_surcharge", "airport_fee", "tips")
"""What a passenger pays in all."""


class Times(StrEnum):
    """How a replay moves the rides in time."""

    RECENT = "recent"
    """The last event lies one minute before the start."""
    WEEKDAY = "weekday"
    """By whole weeks, so that weekday and New York's time of day stay what they were."""
    ORIGINAL = "original"
    """Not at all."""


@dataclass(frozen=True, slots=True)
class Trip:
    """One row of the file, its times in UTC."""

    row: int
    """Number of the row, from 0."""
    license: str
    requested: datetime
    confirmed: datetime
    """When the driver was on the scene; the pickup, where the file is blank or later."""
    picked_up: datetime
    dropped_off: datetime
    pickup: str
    """Name of the zone."""
    dropoff: str
    distance_km: Decimal
    duration_s: int
    fare: Decimal
    paid: Decimal
    tip: Decimal
    earnings: Decimal


def read(path: Path) -> list[Trip]:
    """All trips of a file in the form of the Taxi & Limousine Commission. Raises ConfigurationError naming the line."""
    trips = []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for row, fields in enumerate(csv.DictReader(file)):
                trips.append(_trip(row, fields))
    except (KeyError, ValueError, InvalidOperation, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"{path}, line {len(trips) + 2}: {error!r}. The file should be comma-separated high-volume trip records "
            f"with a header line, like the shipped {FILE.name}."
        ) from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}. Name a file of trip records.") from error
    if not trips:
        raise ConfigurationError(f"{path} holds no trips. Name a file of trip records.")
    return trips


def _trip(row: int, fields: dict[str, str]) -> Trip:
    picked_up = _utc(fields["pickup_datetime"])
    on_scene = fields["on_scene_datetime"].strip()
    amounts = {name: Decimal(fields[name].strip() or 0) for name in (*PAID, "driver_pay")}
    return Trip(
        row=row,
        license=fields["hvfhs_license_num"],
        requested=_utc(fields["request_datetime"]),
        confirmed=min(_utc(on_scene), picked_up) if on_scene else picked_up,
        picked_up=picked_up,
        dropped_off=_utc(fields["dropoff_datetime"]),
        pickup=_zone(fields["PULocationID"]),
        dropoff=_zone(fields["DOLocationID"]),
        distance_km=Decimal(fields["trip_miles"]) * KM_PER_MILE,
        duration_s=int(fields["trip_time"]),
        fare=amounts["base_passenger_fare"],
        paid=sum((amounts[name] for name in PAID), Decimal(0)),
        tip=amounts["tips"],
        earnings=amounts["driver_pay"],
    )


def _utc(text: str) -> datetime:
    # The file has New York's wall clock. An hour that the clock passes twice is taken as the first.
    return datetime.fromisoformat(text.strip()).replace(tzinfo=NEW_YORK).astimezone(UTC)


def _zone(number: str) -> str:
    known = zones().get(int(number))
    return known.name if known else UNKNOWN


def shift(trips: Iterable[Trip], times: Times, start: datetime) -> timedelta:
    """What is added to every time of a replay that starts at `start`: one figure, so durations stay."""
    last = max(max(trip.dropped_off, trip.picked_up, trip.requested) for trip in trips)
    target = start - BEFORE_START
    if times is Times.ORIGINAL:
        return timedelta(0)
    if times is Times.RECENT:
        return target - last
    weeks = timedelta(weeks=math.floor((target - last) / timedelta(weeks=1)))
    moved = _weeks_later(last, weeks)
    # The hour that summer time adds or takes may carry it past the target.
    return (moved if moved <= target else _weeks_later(last, weeks - timedelta(weeks=1))) - last


def _weeks_later(moment: datetime, weeks: timedelta) -> datetime:
    """As many weeks later by New York's clock."""
    local = moment.astimezone(NEW_YORK).replace(tzinfo=None) + weeks
    return local.replace(tzinfo=NEW_YORK).astimezone(UTC)


def records(trips: Iterable[Trip], run: str, moved: timedelta) -> Iterator[Record]:
    """Five records of every trip, in event-time order; of one moment, in the order of the trip.

    `run` is part of every id, so the same run sent again is the same events, and another run other ones.
    """
    steps: list[tuple[datetime, int, int, str, dict[str, Any]]] = []
    for trip in trips:
        for number, (moment, kind, data) in enumerate(_steps(trip, run, moved)):
            steps.append((moment, trip.row, number, kind, data))
    steps.sort(key=lambda step: step[:3])
    for moment, row, number, kind, data in steps:
        yield compose(SOURCE, f"{run}-{row}-{number}", kind, moment.timestamp(), data)


def _steps(trip: Trip, run: str, moved: timedelta) -> Iterator[tuple[datetime, str, dict[str, Any]]]:
    requested, picked_up, dropped_off = (t + moved for t in (trip.requested, trip.picked_up, trip.dropped_off))
    booking = {"booking_id": f"{run}-booking-{trip.row}", "user_id": f"nyc-rider-{trip.row % RIDERS}"}
    driver = {"driver_id": f"nyc-driver-{trip.row % DRIVERS}"}
    pickup, dropoff = {"pickup": {"zone": trip.pickup}}, {"dropoff": {"zone": trip.dropoff}}
    price = {"amount": trip.fare, "currency": "USD"}
    on_trip = {"trip_id": f"{run}-trip-{trip.row}", **booking, **driver, **pickup}
    yield requested, "booking.created", {**booking, **pickup, **dropoff, "seats": 1, **price}
    confirmed = {**booking, **driver, "created_at": requested, **pickup, "seats": 1, **price}
    yield trip.confirmed + moved, "booking.confirmed", confirmed
    yield picked_up, "trip.started", on_trip
    closing: dict[str, Any] = {
        "started_at": picked_up,
        "distance_km": float(trip.distance_km),
        "duration_s": trip.duration_s,
        "fare": trip.fare,
        "driver_earnings": trip.earnings,
        "tip": trip.tip,
        "currency": "USD",
    }
    yield dropped_off, "trip.completed", {**on_trip, **dropoff, **closing}
    payment: dict[str, Any] = {
        "payment_id": f"{run}-payment-{trip.row}",
        **booking,
        "amount": trip.paid,
        "currency": "USD",
        "method": "app",
        **pickup,
        # The records say neither when a payment was begun nor by whom it was taken but the service.
        "initiated_at": dropped_off,
        "gateway": trip.license,
    }
    yield dropped_off, "payment.success", payment
