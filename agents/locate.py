"""Completes positions: a zone or city gives the point, the point gives H3 cell, city, state and country."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import h3.api.basic_int as h3

from agents.places import CELL_RESOLUTION, NOWHERE, Places

POSITIONS_CACHED = 20_000
"""Positions remembered in each of two caches, some 300 bytes each."""
COUNTRY = "US"
"""The zone table's country."""
ZONES_WITHIN_KM = 50
"""A city named beside a zone must be this near to it, else another city's zone of that name is meant."""


Words = tuple[str | None, ...]
"""Zone, city, state and country as an event names them."""
Around = tuple[str, str, str, str, int]
"""Zone, city, state, country and cell."""
Spot = tuple[float | None, float | None, str, str, str, str, int]
"""A position as its columns say it: latitude, longitude, and what is around.

No point, empty texts and cell 0 where that is not known.
"""
UNKNOWN: Spot = (None, None, "", "", "", "", 0)


class Locate:
    """Says where a position is: its point, and zone, city, state, country and H3 cell.

    What the event gives is kept as it is; only what it lacks is filled. The zone table is New York's, so a zone
    counts only where the event names no other country. City, state and country come from the cell alone, so all
    of it is a pure function of the position, and the same at every delivery.
    """

    def __init__(self, zones: Mapping[str, tuple[float, float]], places: Places) -> None:
        """`zones`: name or number of a zone -> latitude, longitude."""
        self._zones = zones
        self._places = places
        self._resolved_named = lru_cache(POSITIONS_CACHED)(self._resolve_named)
        self._resolved_rest = lru_cache(POSITIONS_CACHED)(self._resolve_rest)

    def __call__(self, position: Any) -> Spot:
        """What the columns of a position say. Degrees are as given, or those of the zone or city."""
        if position is None:
            return UNKNOWN
        point = latitude, longitude = position.latitude, position.longitude
        given = (position.zone, position.city, position.state, position.country)
        if latitude is None or longitude is None:
            return self._resolved_named(given)
        return point + self._resolved_rest(h3.latlng_to_cell(latitude, longitude, CELL_RESOLUTION), given)

    def _resolve_named(self, given: Words) -> Spot:
        """A position without coordinates: the zone's point, else the city's, else none."""
        zone, city, state, country = given
        if zone is not None and country in (None, COUNTRY):
            point = self._zones.get(zone)
            if point is not None and self._agree(point, city, state):
                return self._at(point, given)
        if city is not None:
            found = self._places.point(city, state, country)
            if found is not None:
                latitude, longitude, place = found
                filled = (zone, city, state or place.state, country or place.country)
                return self._at((latitude, longitude), filled)
        return None, None, zone or "", city or "", state or "", country or "", 0

    def _at(self, point: tuple[float, float], given: Words) -> Spot:
        return point + self._resolved_rest(h3.latlng_to_cell(*point, CELL_RESOLUTION), given)

    def _agree(self, point: tuple[float, float], city: str | None, state: str | None) -> bool:
        """Whether the zone at `point` may be the one meant, though the event names a city or state."""
        place = self._places.at(h3.latlng_to_cell(*point, CELL_RESOLUTION))
        if state is not None and state.casefold() != place.state.casefold():
            return False
        if city is None:
            return True
        found = self._places.point(city, place.state, place.country)
        return found is not None and h3.great_circle_distance(point, found[:2]) < ZONES_WITHIN_KM

    def _resolve_rest(self, cell: int, given: Words) -> Around:
        zone, city, state, country = given
        place = self._places.at(cell)
        if country is not None and country.upper() != place.country:
            # Coordinates and country contradict each other: nothing is made up between them.
            place = NOWHERE
        return zone or "", city or place.city, state or place.state, country or place.country, cell
