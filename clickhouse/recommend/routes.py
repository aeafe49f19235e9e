"""Routes recommended to a rider or a driver: those of people who took the same routes, and never a guess.

A route is a pair of zones, or of cities where no zone is known. Ids of offered routes do not count: each departs once,
and what has departed cannot be taken again.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.analytics.journey import moment as parameter
from clickhouse.analytics.template import fill
from clickhouse.metrics import answer, catalogue, route
from clickhouse.metrics.question import number, span
from clickhouse.metrics.shown import moment
from streams.errors import QueryRefused
from streams.events.domains import RIDES

FOLDER: Final = Path(__file__).with_name("sql")
USUAL_SPAN: Final = "28d"
USUAL_ROWS: Final = 10
MOST_ROWS: Final = 100
LONGEST_ID: Final = 500
"""Characters of a person's id at most."""
LEAST_OWN: Final = 2
"""Routes that a person has taken at least: one says next to nothing."""
LEAST_SUPPORT: Final = 5
"""People who took both a recommended route and one of the person's: fewer are chance, and would tell who they are."""
TOO_LITTLE: Final = "too_little_data"
_HINT: Final = "Ask for a shorter time."


class Who(StrEnum):
    """For whom."""

    RIDER = "rider"
    """By the bookings that riders asked for."""
    DRIVER = "driver"
    """By the trips that drivers completed."""


@dataclass(frozen=True, slots=True)
class Side:
    """Where the routes of riders, or of drivers, stand."""

    table: str
    event_type: str
    person: str
    """Column with the id."""

    @property
    def lines(self) -> str:
        """The statement that gives each event's person, time and route."""
        return fill("lines", FOLDER, table=self.table, event_type=self.event_type, person=self.person)


SIDES: Final[Mapping[Who, Side]] = {
    Who.RIDER: Side("booking_events", "booking.created", "user_id"),
    Who.DRIVER: Side("trip_events", "trip.completed", "driver_id"),
}


class Route(NamedTuple):
    """From where to where."""

    origin: str
    target: str


class Own(NamedTuple):
    """A route that a person took."""

    hash: int
    """Of where it begins and ends."""
    people: int
    """People who took it, the person among them."""


class Near(NamedTuple):
    """A route, and why it is recommended."""

    route: Route
    score: float
    """Sum of its cosines with the person's routes."""
    support: int
    """People who took it and one of the person's routes."""
    people: int
    """People who took it, the person left out."""


@dataclass(frozen=True, slots=True)
class Question:
    """Who wants routes, and the time whose routes count."""

    who: Who
    person: str
    begin: datetime
    """In UTC."""
    end: datetime
    """In UTC; not part of the time."""
    zone: ZoneInfo
    limit: int = USUAL_ROWS

    @property
    def fingerprint(self) -> list[Any]:
        """All that makes the question what it is."""
        return [self.who, self.person, self.begin.isoformat(), self.end.isoformat(), self.zone.key, self.limit]


def ask(
    who: Who,
    person: str,
    *,
    begin: str = "",
    end: str = "",
    zone: str = "",
    limit: int = USUAL_ROWS,
    now: datetime | None = None,
) -> Question:
    """The question that these words ask; times as `clickhouse.metrics.question.ask` takes them. Raises QueryRefused."""
    if not person or len(person) > LONGEST_ID or "\x00" in person:
        raise QueryRefused(
            f"{person[:80]!r} is no id of a {who.value}.",
            code="bad_person",
            value=person[:80],
            hint=f"Give one of 1 to {LONGEST_ID} characters.",
        )
    times = span(RIDES, begin or USUAL_SPAN, end, zone, now)
    return Question(who, person, *times, number("limit", limit, 1, MOST_ROWS))


async def recommend(client: AsyncClient, question: Question) -> tuple[int, Sequence[Near]]:
    """How many routes the person took, and those recommended, the nearest first.

    Raises QueryRefused, with the code `too_little_data` where the rows do not say enough, and as
    `clickhouse.client.classify`.
    """
    lines = SIDES[question.who].lines
    values: dict[str, Any] = times(question.begin, question.end) | {"person": question.person}
    own = [Own(*line) for line in await rows(client, fill("own", FOLDER, lines=lines), values)]
    return len(own), await near(client, question, own)


async def near(client: AsyncClient, question: Question, own: Sequence[Own]) -> Sequence[Near]:
    """The routes recommended to a person who took these, the nearest first. Raises as `recommend` does."""
    if len(own) < LEAST_OWN:
        raise _too_little(question, f"{len(own)} of the {LEAST_OWN} routes that are needed at least are known of them")
    values: dict[str, Any] = times(question.begin, question.end) | {
        "person": question.person,
        "own": [each.hash for each in own],
        # Each route of the person brings its cosine: what all take says little about anybody.
        "weights": [1 / math.sqrt(each.people) for each in own],
        "support": LEAST_SUPPORT,
        "most": question.limit,
    }
    found = await rows(client, fill("near", FOLDER, lines=SIDES[question.who].lines), values)
    if not found:
        raise _too_little(question, f"no other route was taken by {LEAST_SUPPORT} people who share one with them")
    return [Near(Route(origin, target), score, support, people) for origin, target, people, support, score in found]


def _too_little(question: Question, why: str) -> QueryRefused:
    return QueryRefused(
        f"There is too little to recommend routes to {question.who.value} {question.person[:80]!r}: {why}.",
        code=TOO_LITTLE,
        value=question.person[:80],
        hint="Ask over a longer time, or take the popular routes.",
    )


async def ask_for(client: AsyncClient, question: Question) -> dict[str, Any]:
    """The answer as plain values. Raises as `recommend` does."""
    metric = next(each for each in catalogue.METRICS if each.domain is RIDES)
    at = await answer.as_of(client, metric)  # before the rows, which may hold more and never less
    own, near = await recommend(client, question)
    zone = question.zone
    return {
        "for": question.who.value,
        "id": question.person,
        "from": moment(question.begin.astimezone(zone)),
        "to": moment(question.end.astimezone(zone)),
        "zone": zone.key,
        "method": "co-occurrence",
        "source": SIDES[question.who].table,
        "as_of": moment(at),
        "own_routes": own,
        "routes": [
            {
                "rank": place,
                "origin": each.route.origin,
                "destination": each.route.target,
                "score": each.score,
                "support": each.support,
                "people": each.people,
            }
            for place, each in enumerate(near, 1)
        ],
    }


def times(begin: datetime, end: datetime) -> dict[str, str]:
    """The parameters of the lines."""
    return {"begin": parameter(begin), "end": parameter(end)}


async def rows(client: AsyncClient, sql: str, values: dict[str, Any]) -> Sequence[Sequence[Any]]:
    """The rows of a statement. Raises QueryRefused where it costs too much, and as `clickhouse.client.classify`."""
    return await answer.run(client, sql, values, route.ROWS, _HINT)
