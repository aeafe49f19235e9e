"""A made-up town whose people ride by habit as often as is wanted, in the tables that recommendations are read from."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

from clickhouse.recommend.routes import SIDES, Who

QUARTERS = 12
ZONES = 6
"""Of each quarter."""
DAYS = 4
"""Few, since each is a partition, and tests ask for hundreds of people."""
END = datetime(2026, 5, 29, tzinfo=UTC)
BEGIN = END - timedelta(days=DAYS)
CUT = BEGIN + timedelta(days=3)
EARLY = BEGIN + timedelta(hours=1)
"""Next to nobody has ridden twice by then."""
SKEW = 2.0
"""How much more often the first of several is picked than the last."""


class Ride(NamedTuple):
    """Somebody took a route."""

    person: str
    at: datetime
    origin: str
    target: str


def town(seed: int, people: int, rides: int, habit: float, quarters: int = QUARTERS) -> list[Ride]:
    """Rides of people, each of whom lives in a quarter; `habit`: share of rides from there to the next quarter.

    The others go from anywhere to anywhere. Some zones are busier than others in either case, so that some routes are
    popular with all.
    """
    dice = random.Random(seed)
    found = []
    for number in range(people):
        home = number % quarters
        for _ in range(1 + int(dice.random() * 2 * (rides - 1) + 0.5)):
            begins, ends = home, (home + 1) % quarters
            if dice.random() >= habit:
                begins, ends = _busy(dice, quarters), _busy(dice, quarters)
            at = BEGIN + timedelta(milliseconds=dice.randrange(DAYS * 86_400_000))
            zones = f"quarter {begins} zone {_busy(dice, ZONES)}", f"quarter {ends} zone {_busy(dice, ZONES)}"
            found.append(Ride(f"person-{number}", at, *zones))
    return found


def _busy(dice: random.Random, count: int) -> int:
    return int(count * dice.random() ** SKEW)


def load(client: Client, who: Who, rides: Sequence[Ride]) -> None:
    """Let the table of riders, or of drivers, hold these rides and no others."""
    side = SIDES[who]
    client.command(f"TRUNCATE TABLE {side.table}")
    names = ("event_type", "occurred_at", side.person, "pickup_zone", "dropoff_zone")
    columns: list[Any] = [*zip(*((side.event_type, ride.at, *ride[:1], *ride[2:]) for ride in rides), strict=True)]
    # Each day is a partition, and an insert may touch few of them.
    client.insert(
        side.table, columns, column_names=names, column_oriented=True, settings={"max_partitions_per_insert_block": 0}
    )
