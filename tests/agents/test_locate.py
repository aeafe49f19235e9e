"""Positions completed: what is given stays, what lacks is filled, hostile positions included."""

from functools import cache
from typing import Any

import h3.api.basic_int as h3
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.locate import UNKNOWN, Locate
from agents.places import load
from streams.world.zones import points, zones

PARTS = ("latitude", "longitude", "zone", "city", "state", "country", "cell")


class Position(msgspec.Struct):
    """A position as the decoder makes it."""

    latitude: float | None = None
    longitude: float | None = None
    zone: str | None = None
    city: str | None = None
    state: str | None = None
    country: str | None = None


@cache
def locate() -> Locate:
    """One stage for the whole module: the places take a while to load."""
    return Locate(points(), load())


def _columns(position: Position) -> dict[str, Any]:
    """Point and place under the names of the columns; no coordinates where none are known."""
    return {name: value for name, value in zip(PARTS, locate()(position), strict=True) if value is not None}


def test_no_position_is_nowhere() -> None:
    assert locate()(None) == UNKNOWN


def test_coordinates_give_the_rest() -> None:
    assert _columns(Position(latitude=40.758, longitude=-73.9855)) == {
        "latitude": 40.758,
        "longitude": -73.9855,
        "zone": "",
        "city": "New York City",
        "state": "New York",
        "country": "US",
        "cell": h3.latlng_to_cell(40.758, -73.9855, 8),
    }


@pytest.mark.parametrize("zone", ["JFK Airport", "132"])
def test_a_zone_gives_the_point(zone: str) -> None:
    point = zones()[132].point
    assert point is not None
    columns = _columns(Position(zone=zone))
    assert (columns["latitude"], columns["longitude"]) == point
    assert columns["zone"] == zone
    assert (columns["city"], columns["state"], columns["country"]) == ("New York City", "New York", "US")
    assert columns["cell"] == h3.latlng_to_cell(*point, 8)


@pytest.mark.parametrize(
    ("city", "state", "country", "taken"),
    [
        ("New York", None, None, True),
        ("new york city", "New York", "US", True),
        ("Brooklyn", None, "US", True),
        ("Singapore", None, None, False),
        (None, None, "SG", False),
        (None, "California", None, False),
    ],
)
def test_a_zone_of_another_city_is_not_new_yorks(
    city: str | None, state: str | None, country: str | None, taken: bool
) -> None:
    columns = _columns(Position(zone="Chinatown", city=city, state=state, country=country))
    assert (columns.get("latitude") == points()["Chinatown"][0]) is taken


@pytest.mark.parametrize("zone", ["Unknown", "264", "265", "Atlantis", "-1", "'; DROP TABLE events; --", '"', "\n"])
def test_an_unknown_zone_gives_nothing(zone: str) -> None:
    assert _columns(Position(zone=zone)) == {"zone": zone, "city": "", "state": "", "country": "", "cell": 0}


def test_a_city_gives_its_centre() -> None:
    columns = _columns(Position(city="Lyon"))
    assert (columns["state"], columns["country"]) == ("Auvergne-Rhône-Alpes", "FR")
    assert abs(columns["latitude"] - 45.75) < 0.05
    assert columns["cell"] == h3.latlng_to_cell(columns["latitude"], columns["longitude"], 8)


def test_what_is_given_stays() -> None:
    said = Position(40.758, -73.9855, zone="Z", city="Gotham", state="NY", country="US")
    columns = _columns(said)
    assert (columns["zone"], columns["city"], columns["state"], columns["country"]) == ("Z", "Gotham", "NY", "US")


def test_nothing_is_made_up_where_country_and_coordinates_disagree() -> None:
    columns = _columns(Position(40.758, -73.9855, country="FR"))
    assert (columns["city"], columns["state"], columns["country"]) == ("", "", "FR")


@pytest.mark.parametrize(
    "point", [(90.0, 0.0), (-90.0, 180.0), (0.0, 0.0), (0.0, 180.0), (0.0, -180.0), (-0.0, -0.0), (1e-300, 5e-324)]
)
def test_the_ends_of_the_world_have_a_cell(point: tuple[float, float]) -> None:
    columns = _columns(Position(*point))
    assert columns["cell"] == h3.latlng_to_cell(*point, 8) > 0
    assert columns["city"] == ""


texts = st.none() | st.text(max_size=20) | st.sampled_from(("JFK Airport", "1", "Paris", "US", "us", "New York"))
positions = st.builds(
    Position,
    latitude=st.none() | st.floats(-90, 90),
    longitude=st.none() | st.floats(-180, 180),
    zone=texts,
    city=texts,
    state=texts,
    country=texts,
)


@given(st.lists(positions, max_size=8))
@settings(max_examples=200, deadline=None)
def test_any_position_gives_the_same_columns_always(drawn: list[Position]) -> None:
    found = [_columns(position) for position in drawn]
    assert found == [_columns(position) for position in drawn]
    for position, columns in zip(drawn, found, strict=True):
        for part in PARTS[2:6]:
            given_text = getattr(position, part)
            assert not given_text or columns[part] == given_text
        assert ("latitude" in columns) == ("longitude" in columns) == (columns["cell"] != 0)
        if position.latitude is not None and position.longitude is not None:
            assert (columns["latitude"], columns["longitude"]) == (position.latitude, position.longitude)
