"""The real rides as the file has them, and the windows that workers make of its replay, held to it by plain loops."""

import asyncio
import csv
import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from redis.asyncio import Redis

from deploy.local import worker as pages
from streams.settings import Settings
from streams.topics import source_topics
from tables.declared import declared
from tables.live import Live
from tables.query import Query
from tests.support.found import one, query
from tests.support.rides_from_rows import from_rows
from tests.support.waiting import until
from tests.support.workers import Worker

DATA = Path(__file__).parents[2] / "streams" / "world" / "data"
PAID = ("base_passenger_fare", "tolls", "bcf", "sales_tax", "congestion_surcharge", "airport_fee", "tips")
EXPECTED = {
    "rows": {"events_raw": 25_000, "booking_events": 10_000, "trip_events": 10_000, "payment_events": 5_000},
    "dead_letters": {},
    "duplicates": 0,
    "sampled_out": 0,
}
"""What the replay of the file leaves in ClickHouse."""

Ride = dict[str, str]


def read(name: str) -> list[Ride]:
    """The lines of a file that ships with the product."""
    with (DATA / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def moment(ride: Ride, column: str) -> datetime:
    """A time of the file; its zone has no change of the clock here."""
    return datetime.fromisoformat(ride[column]).replace(tzinfo=UTC)


def confirmed_at(ride: Ride) -> datetime:
    """At the scene, or at the pickup where that is blank or later."""
    pickup = moment(ride, "pickup_datetime")
    return min(moment(ride, "on_scene_datetime"), pickup) if ride["on_scene_datetime"].strip() else pickup


def from_the_file(rides: list[Ride], shift: timedelta) -> dict[str, Counter[tuple[int, str]]]:
    """What happened per five minutes and zone, by a plain loop."""
    names = {line["location_id"]: line["zone"] for line in read("nyc-taxi-zones.csv")}
    found: dict[str, Counter[tuple[int, str]]] = {
        name: Counter() for name in ("created", "confirmed", "completed", "revenue")
    }
    for ride in rides:
        zone = names[ride["PULocationID"]]

        def place(at: datetime, zone: str = zone) -> tuple[int, str]:
            return int((at + shift).timestamp()) // 300 * 300, zone

        found["created"][place(moment(ride, "request_datetime"))] += 1
        found["confirmed"][place(confirmed_at(ride))] += 1
        found["completed"][place(moment(ride, "dropoff_datetime"))] += 1
        cents = sum((Decimal(ride[column]) for column in PAID), Decimal(0)) * 100
        found["revenue"][place(moment(ride, "dropoff_datetime"))] += int(cents)
    return found


def kept(settings: Settings, window: str, measure: str, factor: int, before: int) -> dict[tuple[int, str], int]:
    """The same from `metrics_realtime`, shards added up; windows that began before `before`."""
    sql = (
        f"SELECT toUnixTimestamp(starts_at) AS at, key[1], toInt64(sum(values['{measure}']) * {factor}) AS n "
        f"FROM metrics_realtime_latest WHERE window = '{window}' AND at < {before} GROUP BY 1, 2 HAVING n != 0"
    )
    return {(int(at), zone): int(count) for at, zone, count in query(settings, sql)}


EARLIEST = "SELECT toUnixTimestamp64Milli(min(occurred_at)) FROM events_raw WHERE event_type = 'booking.created'"
WINDOWS = (
    ("created", "rides.bookings.by_zone.5m", "created", 1),
    ("confirmed", "rides.bookings.by_zone.5m", "confirmed", 1),
    ("completed", "rides.trips.by_zone.5m", "completed", 1),
    ("revenue", "rides.payments.by_zone.5m", "revenue.USD", 100),
)


def assert_windows(settings: Settings, workers: Sequence[Worker]) -> None:
    """Kept, live, and on the pages of the workers, which run: bookings, trips and revenue by zone are the file's."""
    rides = read("nyc-rides-5000.csv")
    earliest = one(settings, EARLIEST)
    shift = datetime.fromtimestamp(earliest / 1000, UTC) - min(moment(ride, "request_datetime") for ride in rides)
    truths = from_the_file(rides, shift)
    last = max(start for counts in truths.values() for start, _ in counts)
    rows = from_rows(settings)
    for name, counts in truths.items():
        assert rows[name] == {place: count for place, count in counts.items() if count}, name

    def closed() -> bool:
        return all(
            kept(settings, window, measure, factor, last)
            == {place: count for place, count in truths[name].items() if place[0] < last and count}
            for name, window, measure, factor in WINDOWS
        )

    until("every closed window is kept as the file has it", closed, 180)
    assert asyncio.run(live(settings, last)) == {
        place: count for place, count in truths["created"].items() if place[0] >= last - 3000
    }
    held: Counter[tuple[int, str]] = Counter()
    for each in workers:
        for line in page(each, f"/windows?name=rides.bookings.by_zone.5m&since={last - 3000}&format=json"):
            start = int(datetime.fromisoformat(line["start"]).timestamp())
            held[start, line["key"][0]] += line["values"]["created"]
        marks = page(each, "/watermarks?format=json")
        assert {mark["topic"] for mark in marks} == {"", *source_topics()}
        with pytest.raises(HTTPError, match="404"):
            page(each, "/windows?name=rides.booking")
    assert +held == {place: count for place, count in truths["created"].items() if place[0] >= last - 3000}
    assert all(pages.is_ready(each.url) for each in workers)


def page(worker: Worker, path: str) -> list[dict[str, Any]]:
    """What a page of a worker tells a program."""
    with urlopen(f"{worker.url}{path}", timeout=10) as answer:
        found: list[dict[str, Any]] = json.load(answer)
        return found


async def live(settings: Settings, last: int) -> dict[tuple[int, str], Any]:
    """Bookings by zone as the live view of all workers tells them."""
    redis = Redis.from_url(settings.redis_url or "")
    try:
        view = await Live(redis, settings.kafka_group, declared).read(
            Query("rides.bookings.by_zone.5m", start=last - 3000, end=last + 300)
        )
        return {
            (row.start, row.key["pickup_zone"]): row.values["created"] for row in view.rows[0] if row.values["created"]
        }
    finally:
        await redis.aclose()
