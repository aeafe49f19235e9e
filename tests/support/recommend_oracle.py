"""Recommended routes and their hit rate computed once more, in plain Python, without a look at the SQL."""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from tests.support.town import Ride

Pair = tuple[str, str]
Taken = Mapping[str, set[Pair]]


class Told(NamedTuple):
    """A route, and why it is recommended."""

    route: Pair
    score: float
    support: int
    people: int


class Rates(NamedTuple):
    """What a measurement says."""

    people: int
    answered: int
    hits: int
    popular_hits: int


def taken(rides: Iterable[Ride], begin: datetime, end: datetime) -> dict[str, set[Pair]]:
    """The routes of each person."""
    found: dict[str, set[Pair]] = {}
    for ride in rides:
        if begin <= ride.at < end:
            found.setdefault(ride.person, set()).add((ride.origin, ride.target))
    return found


def takers_of(of: Taken) -> dict[Pair, set[str]]:
    """The people of each route."""
    found: dict[Pair, set[str]] = {}
    for person, routes in of.items():
        for route in routes:
            found.setdefault(route, set()).add(person)
    return found


def recommended(of: Taken, takers: Mapping[Pair, set[str]], person: str, k: int, least: int = 5) -> list[Told]:
    """The first k routes; none where the person took fewer than two, or no route has enough people."""
    own = of.get(person, set())
    if len(own) < 2:
        return []
    found = []
    for route, people in takers.items():
        if route in own:
            continue
        support = {other for mine in own for other in takers[mine] & people}
        score = sum(len(takers[mine] & people) / math.sqrt(len(takers[mine]) * len(people)) for mine in own)
        if len(support) >= least:
            found.append(Told(route, round(score, 9), len(support), len(people)))
    return sorted(found, key=lambda each: (-each.score, -each.support, each.route))[:k]


def rates(rides: Iterable[Ride], begin: datetime, cut: datetime, end: datetime, k: int) -> Rates:
    """The hit rates of both ways over all people."""
    known, later = taken(rides, begin, cut), taken(rides, cut, end)
    takers = takers_of(known)
    popular = sorted(takers, key=lambda route: (-len(takers[route]), route))
    people = answered = hits = popular_hits = 0
    for person, own in known.items():
        new = later.get(person, set()) - own
        if len(own) < 2 or not new:
            continue
        people += 1
        found = recommended(known, takers, person, k)
        if not found:
            continue
        answered += 1
        hits += any(each.route in new for each in found)
        popular_hits += any(route in new for route in [each for each in popular if each not in own][:k])
    return Rates(people, answered, hits, popular_hits)
