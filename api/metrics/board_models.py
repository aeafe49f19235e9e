"""What boards and recommendations look like, for OpenAPI and docs/API.md; a test holds real answers against it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.metrics.models import Range


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, populate_by_name=True)


class _Told(Range):
    zone: str
    """IANA zone of days."""
    as_of: datetime | None
    """All that was delivered to ClickHouse until then is in it."""
    source: str
    """Table that it was read from."""
    cache: Literal["hit", "stale", "shared", "miss", "off"]
    """As in answers about metrics."""


class BoardRow(_Model):
    """One place on a board."""

    rank: int
    """Place, from 1; equal values share one, and the places after it are left out."""
    value: int | float | str
    """What it is ranked by; money is text with decimals."""
    previous_rank: int | None = None
    """With `compare=previous`: its place in the range before; null: it had none."""
    previous: int | float | str | None = None
    """With `compare=previous`: its value in the range before."""


class DriverRow(BoardRow):
    """A driver; the figures are over all currencies, money by currency."""

    driver_id: str
    """The driver."""
    trips: int
    """Trips completed."""
    km: float
    """Kilometres of these."""
    rating: float | None
    """Mean rating, 1 to 5; null: nobody rated."""
    ratings: int
    """Ratings."""
    earnings: dict[str, str]
    """Earnings without tips, by currency."""
    tips: dict[str, str]
    """Tips, by currency."""


class RouteRow(BoardRow):
    """A route: by its id, else by its two zones."""

    route_id: str
    """The route that was offered; empty: it is one from zone to zone."""
    from_zone: str
    """Zone in which it begins; empty: it has an id."""
    to_zone: str
    """Zone in which it ends; empty: it has an id."""
    bookings: int
    """Bookings asked for."""
    seats: int
    """Seats of these."""
    trips: int
    """Trips completed."""
    seats_offered: int
    """Seats that were offered in the range; 0 for a route from zone to zone."""
    utilization: float | None
    """Seats booked for a seat offered; null: none were."""
    share: float
    """Share of the value of all routes on the board."""


class DriverBoard(_Model):
    """One board of drivers."""

    currency: str | None
    """Currency of the value; null: it is no money."""
    members: int
    """Drivers on it."""
    rows: Sequence[DriverRow]
    """Those who are first; equal ones by trips, ratings or kilometres, then by id."""


class RouteBoard(_Model):
    """The board of routes."""

    currency: None = None
    """The value is no money."""
    members: int
    """Routes on it."""
    rows: Sequence[RouteRow]
    """Those that are first; equal ones by bookings or seats, then by id and zones."""


class LeaderboardAnswer(_Told):
    """Drivers by earnings, rating or trips."""

    board: Literal["drivers"]
    """The board."""
    rank_by: Literal["earnings", "rating", "trips"]
    """What they are ranked by."""
    unit: Literal["money", "stars", "count"]
    """What the value counts in."""
    exact: bool
    """Whether figures are exact: always."""
    compared_with: Range | None
    """With `compare=previous`: the range before."""
    boards: Sequence[DriverBoard]
    """One board; by earnings one a currency."""
    next_cursor: str | None
    """Send it as `cursor` for the rows beyond `limit`; null: these were all."""


class PopularAnswer(_Told):
    """Routes by bookings, seats or trips."""

    board: Literal["routes"]
    """The board."""
    rank_by: Literal["bookings", "seats", "trips"]
    """What they are ranked by."""
    unit: Literal["count"]
    """What the value counts in."""
    exact: bool
    """Whether figures are exact: always."""
    compared_with: Range | None
    """With `compare=previous`: the range before."""
    boards: Sequence[RouteBoard]
    """The board; none where nothing was booked."""
    next_cursor: str | None
    """Send it as `cursor` for the rows beyond `limit`; null: these were all."""


_RANGE: Final = {"from": "2030-05-01T00:00:00-04:00", "to": "2030-05-08T00:00:00-04:00"}
_HEAD: Final[dict[str, Any]] = {
    **_RANGE,
    "zone": "America/New_York",
    "exact": True,
    "as_of": "2030-05-08T10:00:00.123Z",
    "compared_with": {"from": "2030-04-24T00:00:00-04:00", "to": "2030-05-01T00:00:00-04:00"},
    "next_cursor": "WzEwLCJkcml2ZXJzIiwyODg0NTZd",
    "cache": "hit",
}
_DRIVER: Final = {
    "rank": 1,
    "driver_id": "driver-17",
    "value": "1204.3300",
    "trips": 61,
    "km": 512.25,
    "rating": 4.85,
    "ratings": 40,
    "earnings": {"USD": "1204.3300"},
    "tips": {"USD": "88.1000"},
    "previous_rank": 3,
    "previous": "1101.0000",
}
_ROUTE: Final = {
    "rank": 1,
    "route_id": "",
    "from_zone": "JFK Airport",
    "to_zone": "East Village",
    "value": 214,
    "bookings": 214,
    "seats": 260,
    "trips": 190,
    "seats_offered": 0,
    "utilization": 0.5,
    "share": 0.0321,
    "previous_rank": 2,
    "previous": 198,
}
LEADERBOARD_EXAMPLE: Final[dict[str, Any]] = {
    "board": "drivers",
    "rank_by": "earnings",
    "unit": "money",
    "source": "driver_earnings",
    **_HEAD,
    "boards": [{"currency": "USD", "members": 412, "rows": [_DRIVER]}],
}
POPULAR_EXAMPLE: Final[dict[str, Any]] = {
    "board": "routes",
    "rank_by": "bookings",
    "unit": "count",
    "source": "popular_routes",
    **_HEAD,
    "boards": [{"currency": None, "members": 2304, "rows": [_ROUTE]}],
}


class RecommendedRoute(_Model):
    """A route, and why it is recommended."""

    rank: int
    """Place, from 1."""
    origin: str
    """Zone in which it begins; the city where no zone is known."""
    destination: str
    """Zone in which it ends; the city where no zone is known."""
    score: float
    """Sum, over the person's routes, of the cosine between those who took the one and those who took the other."""
    support: int
    """People who took it and one of the person's routes."""
    people: int
    """People who took it."""


class RecommendedAnswer(_Told):
    """Routes for one person."""

    who: Literal["rider", "driver"] = Field(alias="for")
    """Whose routes are looked at: those booked, or those driven."""
    id: str
    """The person."""
    method: Literal["co-occurrence"]
    """How they are found."""
    own_routes: int
    """Routes that the person took in the time; none of them is recommended."""
    routes: Sequence[RecommendedRoute]
    """The nearest first."""


RECOMMENDED_EXAMPLE: Final[dict[str, Any]] = {
    "for": "rider",
    "id": "rider-17",
    **_RANGE,
    "zone": "America/New_York",
    "method": "co-occurrence",
    "source": "booking_events",
    "as_of": "2030-05-08T10:00:00.123Z",
    "own_routes": 4,
    "routes": [
        {
            "rank": 1,
            "origin": "JFK Airport",
            "destination": "East Village",
            "score": 0.412,
            "support": 31,
            "people": 214,
        }
    ],
    "cache": "miss",
}
