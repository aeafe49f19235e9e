"""Every board computed once more, in plain Python over plain rows, without a look at its SQL."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

Line = Mapping[str, Any]
Names = tuple[str, ...]
Placed = tuple[int, Names, Any]
"""Place, names and value."""


@dataclass
class Figures:
    """What is counted of a driver or a route."""

    trips: int = 0
    km: float = 0.0
    ratings: list[float] = field(default_factory=list)
    earnings: dict[str, Decimal] = field(default_factory=dict)
    bookings: int = 0
    seats: int = 0
    offered: int = 0

    @property
    def rating(self) -> float:
        """The mean."""
        return round(sum(self.ratings) / len(self.ratings), 6)


def drivers(rows: Iterable[Line], begin: datetime, end: datetime) -> dict[Names, Figures]:
    """The figures of every driver who completed a trip."""
    found: dict[Names, Figures] = {}
    for row in rows:
        if row["event_type"] != "trip.completed" or not begin <= row["occurred_at"] < end:
            continue
        one = found.setdefault((row["driver_id"],), Figures())
        one.trips += 1
        one.km += row["distance_km"]
        if row["rating"] is not None:
            one.ratings.append(row["rating"])
        money = row["currency"]
        one.earnings[money] = one.earnings.get(money, Decimal()) + row["driver_earnings"]
    return found


def routes(rows: Iterable[Line], begin: datetime, end: datetime) -> dict[Names, Figures]:
    """The figures of every route."""
    found: dict[Names, Figures] = {}
    for row in rows:
        kind = row["event_type"]
        if kind not in ("booking.created", "trip.completed", "route.created") or not begin <= row["occurred_at"] < end:
            continue
        route = row["route_id"] or ""
        names = (route, "", "") if route else ("", row["pickup_zone"], row["dropoff_zone"])
        if not route and "" in names[1:]:
            continue
        one = found.setdefault(names, Figures())
        one.bookings += kind == "booking.created"
        one.trips += kind == "trip.completed"
        seats = row["seats"] or 0
        one.seats += seats if kind == "booking.created" else 0
        one.offered += seats if kind == "route.created" else 0
    return found


def board(found: Mapping[Names, Figures], by: str, least: int = 5, currency: str = "") -> list[Placed]:
    """The whole board, equal values at one place, in the order in which they are told."""
    value, ties = VALUES[by]
    members = {names: one for names, one in found.items() if _counts(one, by, least, currency)}
    worth = {names: one.earnings[currency] if currency else value(one) for names, one in members.items()}
    order = sorted(members, key=lambda names: (-worth[names], *(-each for each in ties(members[names])), names))
    return [(1 + sum(other > worth[names] for other in worth.values()), names, worth[names]) for names in order]


VALUES: Mapping[str, tuple[Callable[[Figures], Any], Callable[[Figures], Sequence[float]]]] = {
    "earnings": (lambda one: None, lambda one: [one.trips]),
    "rating": (lambda one: one.rating, lambda one: [len(one.ratings)]),
    "trips": (lambda one: one.trips, lambda one: [round(one.km, 3), one.bookings]),
    "bookings": (lambda one: one.bookings, lambda one: [one.seats]),
    "seats": (lambda one: one.seats, lambda one: [one.bookings]),
}
"""The value, and what orders equal ones."""


def _counts(one: Figures, by: str, least: int, currency: str) -> bool:
    if by == "earnings":
        return currency in one.earnings
    return len(one.ratings) >= least if by == "rating" else bool(getattr(one, by))


def places(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[Placed]:
    """The rows of an answer in the same form; money as a number."""
    return [
        (
            row["rank"],
            tuple(row[name] for name in names),
            Decimal(row["value"]) if isinstance(row["value"], str) else row["value"],
        )
        for row in rows
    ]
