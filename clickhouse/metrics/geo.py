"""Levels of geography: the same words for places in both domains, and the dimensions of metrics that they mean."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from clickhouse.metrics.catalogue import METRICS
from clickhouse.metrics.metric import Metric
from streams.errors import QueryRefused
from streams.events.domains import RIDES, TICKETING, Domain


class Level(StrEnum):
    """How finely places are told apart."""

    COUNTRY = "country"
    STATE = "state"
    CITY = "city"
    ZONE = "zone"
    CELL = "cell"
    """H3 cells at resolution 8, some 0.7 square kilometres."""


_NAMES: Final[Mapping[str, Mapping[Level, str]]] = {
    RIDES.name: {level: f"pickup_{level}" for level in Level},
    TICKETING.name: {Level.COUNTRY: "country", Level.STATE: "region", Level.CITY: "city"},
}


def names(domain: Domain) -> Mapping[Level, str]:
    """The dimension that each level is in a domain: where a ride begins, where a visitor is."""
    return _NAMES[domain.name]


def dimensions(domain: Domain, level: Level) -> dict[Level, str]:
    """The levels that name a place of this level, and their dimensions: a city has a state, and a state a country.

    A cell is a place by itself. Raises QueryRefused where the domain has no such level.
    """
    known = names(domain)
    if level not in known:
        raise QueryRefused(
            f"Places of {domain.name} have no level {level.value!r}.",
            code="bad_level",
            value=level,
            hint=f"Choose of {', '.join(known)}.",
        )
    if level is Level.CELL:
        return {level: known[level]}
    named = [*known][: [*known].index(level) + 1]
    return {each: known[each] for each in named}


def metrics(domain: Domain) -> tuple[Metric, ...]:
    """The metrics of a domain that know places."""
    own = names(domain)[Level.COUNTRY]
    return tuple(metric for metric in METRICS if metric.domain is domain and own in metric.dimensions)
