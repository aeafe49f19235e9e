"""The offline places against a plain search over all of them, and at the ends of the world."""

from functools import cache
from math import acos, cos, radians, sin

import h3.api.basic_int as h3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.places import NOWHERE, Places, Row, load


@cache
def everywhere() -> Places:
    """All places that ship, loaded once for this module."""
    return load()


def _angle(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Degrees between two points on the sphere."""
    (p, t), (q, u) = ((radians(x), radians(y)) for x, y in (a, b))
    cosine = sin(p) * sin(q) + cos(p) * cos(q) * cos(t - u)
    return acos(max(-1.0, min(1.0, cosine))) * 180 / 3.141592653589793


coordinates = st.tuples(
    st.floats(-90, 90) | st.sampled_from((-90.0, 0.0, 89.99, 90.0)),
    st.floats(-180, 180) | st.sampled_from((-180.0, -179.99, 0.0, 179.99, 180.0)),
)


@given(st.lists(coordinates, min_size=1, max_size=30), coordinates)
@settings(max_examples=300, deadline=None)
def test_the_nearest_place_is_found_wherever_it_lies(
    points: list[tuple[float, float]], here: tuple[float, float]
) -> None:
    # A place close by, also over a pole or the 180th meridian, so that the search has something to find.
    near = (max(-90.0, min(90.0, here[0] + 0.3)), (here[1] + 180.2) % 360 - 180)
    points = [*points, near]
    places = Places(Row("XX", f"p{number}", *point) for number, point in enumerate(points))
    cell = h3.latlng_to_cell(*here, 8)
    centre = h3.cell_to_latlng(cell)
    angles = [_angle(centre, point) for point in points]
    found = places.at(cell)
    if found is NOWHERE:
        assert min(angles) > 0.9 - 1e-6
    else:
        assert angles[int(found.city[1:])] <= min(angles) + 1e-5


@pytest.mark.parametrize(
    ("point", "city", "state", "country"),
    [
        ((40.758, -73.9855), "New York City", "New York", "US"),
        ((40.6413, -73.7781), "New York City", "New York", "US"),
        ((48.853, 2.349), "Paris", "Île-de-France", "FR"),
        ((-16.8, 179.99), "Labasa", "Northern", "FJ"),
    ],
)
def test_well_known_points(point: tuple[float, float], city: str, state: str, country: str) -> None:
    assert everywhere().at(h3.latlng_to_cell(*point, 8)) == (city, state, country)


@pytest.mark.parametrize("point", [(0.0, 0.0), (90.0, 0.0), (-90.0, 0.0), (-40.0, -140.0)])
def test_nobody_lives_there(point: tuple[float, float]) -> None:
    assert everywhere().at(h3.latlng_to_cell(*point, 8)) is NOWHERE


def test_all_that_ships_is_read() -> None:
    assert len(everywhere()) > 150_000


def test_a_city_by_name_is_the_largest_that_fits() -> None:
    places = everywhere()
    assert _near(places.point("Paris", None, None), (48.85, 2.35))
    assert _near(places.point("paris", "Texas", "us"), (33.66, -95.56))
    assert _near(places.point("New York", None, "US"), (40.71, -74.01))
    assert _near(places.point("Brooklyn", "New York", None), (40.65, -73.95))
    assert places.point("Paris", "Texas", "FR") is None
    assert places.point("", None, None) is None
    assert places.point("nowhere at all", None, None) is None


def _near(found: tuple[float, float, object] | None, expected: tuple[float, float]) -> bool:
    return found is not None and _angle((found[0], found[1]), expected) < 0.05
