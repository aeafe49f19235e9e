"""How often recommended routes hit: on people's later routes, which the recommendation has not seen.

The time is split at a cut. Of people who took enough routes before it and new ones after it, the share is told for whom
at least one of the first k recommended routes is among the new ones; beside it the same for the k most popular routes
that the person had not taken. Those to whom nothing can be recommended are counted apart, for both.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final
from zoneinfo import ZoneInfo

from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.analytics.journey import moment as parameter
from clickhouse.analytics.template import fill
from clickhouse.metrics.question import number, span
from clickhouse.metrics.shown import moment
from clickhouse.recommend import routes
from clickhouse.recommend.routes import FOLDER, LEAST_OWN, SIDES, TOO_LITTLE, Own, Question, Route, Who
from streams.errors import QueryRefused
from streams.events.domains import RIDES

USUAL_SHARE: Final = 0.75
"""Share of the time before the cut, where none is given."""
USUAL_PEOPLE: Final = 500
MOST_PEOPLE: Final = 100_000
LEAST_PEOPLE: Final = 20
"""People whose hits are told at least: of fewer, the rate would be chance."""


@dataclass(frozen=True, slots=True)
class Split:
    """What is learned from, and what is held out."""

    who: Who
    begin: datetime
    """In UTC, as the others."""
    cut: datetime
    end: datetime
    zone: ZoneInfo
    k: int = routes.USUAL_ROWS
    """Routes that are recommended to each person."""
    people: int = USUAL_PEOPLE
    """People at most, picked by a hash of their ids."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What came out."""

    people: int
    """People with enough routes before the cut, and new ones after it."""
    answered: int
    """Those of them to whom routes could be recommended."""
    hits: int
    """Those of these for whom one was among the new ones."""
    popular_hits: int
    """The same for the most popular routes, of the same people."""

    @property
    def hit_rate(self) -> float:
        """Of the recommendation."""
        return self.hits / self.answered

    @property
    def popular_hit_rate(self) -> float:
        """Of plain popularity, which knows nobody."""
        return self.popular_hits / self.answered


def split(
    who: Who,
    *,
    begin: str = "",
    cut: str = "",
    end: str = "",
    zone: str = "",
    k: int = routes.USUAL_ROWS,
    people: int = USUAL_PEOPLE,
    now: datetime | None = None,
) -> Split:
    """The split that these words mean, times as `clickhouse.metrics.question.ask` takes them. Raises QueryRefused."""
    first, last, found_zone = span(RIDES, begin or routes.USUAL_SPAN, end, zone, now)
    at = first + (last - first) * USUAL_SHARE
    if cut:
        _, at, _ = span(RIDES, first.isoformat(), cut, zone, now)
    if not first < at < last:
        raise QueryRefused(
            "The cut does not lie within the time.",
            code="bad_cut",
            value=at.isoformat(),
            hint=f"Give one after {first.isoformat()} and before {last.isoformat()}.",
        )
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    return Split(
        who,
        first,
        at,
        last,
        found_zone,
        number("k", k, 1, routes.MOST_ROWS),
        number("people", people, LEAST_PEOPLE, MOST_PEOPLE),
    )


async def measure(client: AsyncClient, asked: Split) -> Measured:
    """Recommend to each person as of the cut, and look at what they took afterwards.

    Raises QueryRefused where there are too few people, and as `recommend` does otherwise.
    """
    lines = SIDES[asked.who].lines
    values: dict[str, Any] = routes.times(asked.begin, asked.end)
    held: dict[str, Any] = {"cut": parameter(asked.cut), "least": LEAST_OWN, "most": asked.people}
    people = await routes.rows(client, fill("held_out", FOLDER, lines=lines), values | held)
    ranked = await routes.rows(client, fill("popular", FOLDER, lines=lines), routes.times(asked.begin, asked.cut))
    # What is known of every route is asked once, so that a person costs one question.
    popular = {Route(origin, target): Own(*known) for origin, target, *known in ranked}
    answered = hits = popular_hits = 0
    for person, known, new in people:
        own, wanted = ({Route(*each) for each in taken} for taken in (known, new))
        found = await _recommended(client, asked, person, [popular[each] for each in own & popular.keys()])
        if found is None:
            continue
        answered += 1
        hits += _hits(found, wanted)
        popular_hits += _hits([*islice((each for each in popular if each not in own), asked.k)], wanted)
    if answered < LEAST_PEOPLE:
        raise QueryRefused(
            f"Of {len(people)} people with new routes after the cut, routes can be recommended to {answered}.",
            code=TOO_LITTLE,
            value=str(answered),
            hint=f"Measure over a longer time; {LEAST_PEOPLE} are needed at least.",
        )
    return Measured(len(people), answered, hits, popular_hits)


async def _recommended(client: AsyncClient, asked: Split, person: str, own: Sequence[Own]) -> list[Route] | None:
    """The routes; None where there is too little data. Raises as `recommend` does otherwise."""
    question = Question(asked.who, person, asked.begin, asked.cut, asked.zone, asked.k)
    try:
        near = await routes.near(client, question, own)
    except QueryRefused as error:
        if error.code != TOO_LITTLE:
            raise
        return None
    return [each.route for each in near]


def _hits(found: Sequence[Route], wanted: Collection[Route]) -> bool:
    return any(each in wanted for each in found)


def shown(asked: Split, measured: Measured) -> dict[str, Any]:
    """The result as plain values; it names nobody."""
    moments = {"from": asked.begin, "cut": asked.cut, "to": asked.end}
    return {
        "for": asked.who.value,
        **{name: moment(at.astimezone(asked.zone)) for name, at in moments.items()},
        "k": asked.k,
        **asdict(measured),
        "hit_rate": round(measured.hit_rate, 4),
        "popular_hit_rate": round(measured.popular_hit_rate, 4),
    }
