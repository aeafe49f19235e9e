"""What a board is: what stands on it, by what it is ranked, and the tables that it is read from."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from clickhouse.metrics.metric import Unit
from clickhouse.metrics.sources import SOURCES, Source
from streams.events.domains import RIDES, Domain


class Shape(StrEnum):
    """How a figure beside the value is told."""

    PLAIN = "plain"
    """As it is."""
    MONEY = "money"
    """Pairs of currency and amount."""


@dataclass(frozen=True, slots=True)
class Rank:
    """What a board can be ranked by."""

    unit: Unit
    value: str
    """Expression over the columns of sql/<board>.sql."""
    ties: str
    """Order of equal values, before their names."""
    counts: str = "1"
    """Condition for standing on the board at all; `{least:UInt32}` is the least number of ratings."""
    per_currency: bool = False
    """Whether there is a board for each currency, over `one`: a triple of currency, earnings and tips."""
    is_share: bool = False
    """Whether the values of a board add up to something."""


@dataclass(frozen=True, slots=True)
class Board:
    """A list of drivers or routes, the first ones first."""

    name: str
    """In addresses, and of its statements in sql/."""
    domain: Domain
    sentence: str
    names: tuple[str, ...]
    """Columns that name what stands on it."""
    figures: Mapping[str, Shape]
    """Columns that stand beside the value."""
    ranks: Mapping[str, Rank]
    """What it can be ranked by, by name; the usual one first."""
    dimensions: tuple[str, ...]
    """What its rows can be kept by."""
    sources: tuple[Source, ...]
    """The tables that it can be read from, the smallest first, the events last."""
    tells_people: bool
    """Whether it names people."""


def _sources(*tables: str) -> tuple[Source, ...]:
    return tuple(SOURCES[RIDES.name, table] for table in tables)


DRIVERS: Final = Board(
    name="drivers",
    domain=RIDES,
    sentence="Drivers by what they earned, by how they were rated, or by the trips that they completed.",
    names=("driver_id",),
    figures={
        "trips": Shape.PLAIN,
        "km": Shape.PLAIN,
        "rating": Shape.PLAIN,
        "ratings": Shape.PLAIN,
        "earnings": Shape.MONEY,
        "tips": Shape.MONEY,
    },
    ranks={
        "earnings": Rank(Unit.MONEY, "one.2", "trips DESC", per_currency=True),
        "rating": Rank(Unit.STARS, "assumeNotNull(rating)", "ratings DESC", counts="ratings >= {least:UInt32}"),
        "trips": Rank(Unit.COUNT, "trips", "km DESC"),
    },
    dimensions=("pickup_country", "pickup_state", "pickup_city", "pickup_zone", "currency"),
    sources=_sources("driver_earnings", "trip_events"),
    tells_people=True,
)
ROUTES: Final = Board(
    name="routes",
    domain=RIDES,
    sentence="Routes, each by its id or else by its two zones, by bookings, seats booked, or trips completed.",
    names=("route_id", "from_zone", "to_zone"),
    figures={
        "bookings": Shape.PLAIN,
        "seats": Shape.PLAIN,
        "trips": Shape.PLAIN,
        "seats_offered": Shape.PLAIN,
        "utilization": Shape.PLAIN,
    },
    ranks={
        "bookings": Rank(Unit.COUNT, "bookings", "seats DESC", counts="bookings > 0", is_share=True),
        "seats": Rank(Unit.COUNT, "seats", "bookings DESC", counts="seats > 0", is_share=True),
        "trips": Rank(Unit.COUNT, "trips", "bookings DESC", counts="trips > 0", is_share=True),
    },
    dimensions=("route_id", "from_zone", "to_zone"),
    sources=_sources("popular_routes", "events_raw"),
    tells_people=False,
)
