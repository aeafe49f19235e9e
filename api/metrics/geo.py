"""Metrics by place over HTTP: the parameters of the address, and answers in the same words for both domains."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import h3.api.basic_str as h3
from fastapi import Query as Parameter
from starlette.datastructures import QueryParams

from api.metrics import parameters
from api.metrics.cache import Content
from clickhouse.metrics import geo
from clickhouse.metrics.geo import Level
from streams.events.domains import DOMAINS, RIDES, Domain

GROUP: Final = "geo"
Place = Annotated[
    str,
    Parameter(
        alias="level",
        description=f"How finely places are told apart: {', '.join(Level)}. Default: city.",
        examples=[*Level],
    ),
]
Whose = Annotated[
    str,
    Parameter(
        alias="domain",
        description=f"Domain: {', '.join(DOMAINS)}. Places of rides are where they begin, those of ticketing where "
        "the visitor is, as country, state or city. Default: rides.",
    ),
]
Where = Annotated[
    list[str] | None,
    Parameter(
        description="Keep one value, as `dimension:value`; `value*` is a prefix. Places by their level, such as "
        "`state:New York`, beside the dimensions of the metric. Repeatable."
    ),
]


@dataclass(frozen=True, slots=True)
class Asked:
    """What one request asks."""

    domain: Domain
    level: Level
    asked: parameters.Asked


def read(given: QueryParams) -> Asked:
    """The questions of a request. Raises QueryRefused."""
    words = parameters.once(given, ("domain", "level", *parameters.ONCE))
    domain = DOMAINS[parameters.choice("domain", words.get("domain", ""), DOMAINS, "bad_domain") or RIDES.name]
    level = Level(parameters.choice("level", words.get("level", ""), [*Level], "bad_level") or Level.CITY)
    known = {each.value: name for each, name in geo.names(domain).items()}
    by = [*geo.dimensions(domain, level).values(), *given.getlist("by")]
    pairs = [(name, value) for name, value in given.multi_items() if name not in ("domain", "level", "by", "where")]
    pairs += [("by", name) for name in by]
    pairs += [("where", _renamed(text, known)) for text in given.getlist("where")]
    return Asked(domain, level, parameters.read(GROUP, QueryParams(pairs), geo.metrics(domain)))


def _renamed(text: str, known: Mapping[str, str]) -> str:
    name, colon, value = text.partition(":")
    return f"{known.get(name, name)}{colon}{value}"


def shown(asked: Asked, content: Content) -> Content:
    """An answer about one metric with places by their levels, and cells with their middle."""
    words = {name: level.value for level, name in geo.dimensions(asked.domain, asked.level).items()}
    rows = [row | {"key": _key(row["key"], words)} for row in content["rows"]]
    if asked.level is Level.CELL:
        rows = [row | _middle(row["key"][Level.CELL.value]) for row in rows]
    return content | {"by": [words.get(name, name) for name in content["by"]], "rows": rows}


def _key(key: Mapping[str, str], words: Mapping[str, str]) -> dict[str, str]:
    return {words.get(name, name): value for name, value in key.items()}


def _middle(cell: str) -> dict[str, Any]:
    """Degrees; null for events without a position."""
    latitude, longitude = h3.cell_to_latlng(cell) if cell else (None, None)
    return {"latitude": _degrees(latitude), "longitude": _degrees(longitude)}


def _degrees(value: float | None) -> float | None:
    return None if value is None else round(value, 5)
