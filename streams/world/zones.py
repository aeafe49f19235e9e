"""New York's taxi zones: the table that ships with the product."""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DATA = Path(__file__).parent / "data"
UNKNOWN = "Unknown"
"""Name of the zones 264 and 265, which have no point."""


@dataclass(frozen=True, slots=True)
class Zone:
    """One taxi zone."""

    number: int
    name: str
    """Not unique: two zones are called Corona."""
    borough: str
    point: tuple[float, float] | None
    """Latitude and longitude of a point inside."""


@cache
def zones() -> dict[int, Zone]:
    """All zones by their number."""
    with (DATA / "nyc-taxi-zones.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = {}
    for row in rows:
        point = (float(row["latitude"]), float(row["longitude"])) if row["latitude"] else None
        number = int(row["location_id"])
        found[number] = Zone(number, row["zone"], row["borough"], point)
    return found


def points() -> dict[str, tuple[float, float]]:
    """Latitude and longitude of every zone with a point, by name and by number; of equal names the first counts."""
    known: dict[str, tuple[float, float]] = {}
    for zone in zones().values():
        if zone.point is not None:
            known.setdefault(zone.name, zone.point)
            known[str(zone.number)] = zone.point
    return known
