"""Completes positions: a zone or city gives the point, the point gives H3 cell, city, state and country."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, get_args

import h3.api.basic_int as h3
import msgspec

from agents.places import CELL_RESOLUTION, NOWHERE, Places

POSITIONS_CACHED = 20_000
"""Positions remembered in each of four caches, some 500 bytes each."""
COUNTRY = "US"
"""The zone table's country."""
ZONES_WITHIN_KM = 50
"""A city named beside a zone must be this near to it, else another city's zone of that name is meant."""


class Spot(NamedTuple):
    """Where a position is, as the columns say it; empty texts and cell 0 where that is not known."""

    zone: str
    city: str
    state: str
    country: str
    cell: int


UNKNOWN = Spot("", "", "", "", 0)
_text = msgspec.json.Encoder().encode


class Locate:
    """Renders every event's positions as JSON columns, `"pickup_latitude":40.7,...,"pickup_cell":613...,`.

    What the event gives is kept as it is; only what it lacks is filled. The zone table is New York's, so a zone
    counts only where the event names no other country. City, state and country come from the cell alone, so all
    of it is a pure function of the position, and the same at every delivery.
    """

    def __init__(self, zones: Mapping[str, tuple[float, float]], places: Places) -> None:
        """`zones`: name or number of a zone -> latitude, longitude."""
        self._zones = zones
        self._places = places
        self._fields: dict[type, tuple[str, ...]] = {}
        self._resolved_named = lru_cache(POSITIONS_CACHED)(self._resolve_named)
        self._resolved_rest = lru_cache(POSITIONS_CACHED)(self._resolve_rest)
        self._named = lru_cache(POSITIONS_CACHED)(self._render_named)
        self._rest = lru_cache(POSITIONS_CACHED)(self._render_rest)

    def __call__(self, events: Sequence[Any]) -> list[bytes]:
        """The fragment of every decoded event; empty for a type without positions."""
        fields = self._fields
        fragments = []
        for event in events:
            kind = type(event.data)
            names = fields.get(kind)
            if names is None:
                names = fields[kind] = position_fields(kind)
            if not names:
                fragments.append(b"")
            elif len(names) == 1:
                fragments.append(self.fragment(names[0], getattr(event.data, names[0])))
            else:
                fragments.append(b"".join([self.fragment(name, getattr(event.data, name)) for name in names]))
        return fragments

    def fragment(self, name: str, position: Any) -> bytes:
        """The columns of one position field; empty if the event does not have it."""
        if position is None:
            return b""
        latitude, longitude, cell, given = _read(position)
        if latitude is None or longitude is None:
            return self._named(name, given)
        return _point(name, latitude, longitude) + self._rest(name, cell, given)

    def place(self, position: Any) -> Spot:
        """What the columns of a position say of where it is."""
        if position is None:
            return UNKNOWN
        latitude, longitude, cell, given = _read(position)
        if latitude is None or longitude is None:
            return self._resolved_named(given)[1]
        return self._resolved_rest(cell, given)

    def _resolve_named(self, given: tuple[str | None, ...]) -> tuple[tuple[float, float] | None, Spot]:
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
        return None, Spot(zone or "", city or "", state or "", country or "", 0)

    def _at(self, point: tuple[float, float], given: tuple[str | None, ...]) -> tuple[tuple[float, float] | None, Spot]:
        return point, self._resolved_rest(h3.latlng_to_cell(*point, CELL_RESOLUTION), given)

    def _agree(self, point: tuple[float, float], city: str | None, state: str | None) -> bool:
        """Whether the zone at `point` may be the one meant, though the event names a city or state."""
        place = self._places.at(h3.latlng_to_cell(*point, CELL_RESOLUTION))
        if state is not None and state.casefold() != place.state.casefold():
            return False
        if city is None:
            return True
        found = self._places.point(city, place.state, place.country)
        return found is not None and h3.great_circle_distance(point, found[:2]) < ZONES_WITHIN_KM

    def _resolve_rest(self, cell: int, given: tuple[str | None, ...]) -> Spot:
        zone, city, state, country = given
        place = self._places.at(cell)
        if country is not None and country.upper() != place.country:
            # Coordinates and country contradict each other: nothing is made up between them.
            place = NOWHERE
        return Spot(zone or "", city or place.city, state or place.state, country or place.country, cell)

    def _render_named(self, name: str, given: tuple[str | None, ...]) -> bytes:
        point, spot = self._resolved_named(given)
        return (_point(name, *point) if point else b"") + _columns(name, spot)

    def _render_rest(self, name: str, cell: int, given: tuple[str | None, ...]) -> bytes:
        return _columns(name, self._resolved_rest(cell, given))


def _read(position: Any) -> tuple[float | None, float | None, int, tuple[str | None, ...]]:
    """Coordinates, their cell, and the words that the event gives."""
    latitude, longitude = position.latitude, position.longitude
    given = (position.zone, position.city, position.state, position.country)
    if latitude is None or longitude is None:
        return None, None, 0, given
    return latitude, longitude, h3.latlng_to_cell(latitude, longitude, CELL_RESOLUTION), given


def _point(name: str, latitude: float, longitude: float) -> bytes:
    return f'"{name}_latitude":{latitude!r},"{name}_longitude":{longitude!r},'.encode()


def _columns(name: str, spot: Spot) -> bytes:
    columns = zip(("zone", "city", "state", "country"), spot, strict=False)
    parts = [b'"%b_%b":%b,' % (name.encode(), part.encode(), _text(text)) for part, text in columns]
    return b"".join(parts) + b'"%b_cell":%d,' % (name.encode(), spot.cell)


def position_fields(kind: type) -> tuple[str, ...]:
    """Names of the fields of a data struct that hold a position."""
    found = []
    for field in msgspec.structs.fields(kind):
        for part in (field.type, *get_args(field.type)):
            is_struct = isinstance(part, type) and issubclass(part, msgspec.Struct)
            if is_struct and {"latitude", "longitude", "zone"} <= set(part.__struct_fields__):
                found.append(field.name)
    return tuple(found)
