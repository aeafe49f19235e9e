"""Charts are well-formed SVG that says what the values are, whatever these are."""

import math
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.reports.chart import HEIGHT, MOST_SERIES, WIDTH, Series, bars, lines, scale

VALUES = st.none() | st.floats(-1e12, 1e12, allow_nan=False).filter(lambda value: value == 0 or abs(value) > 1e-6)


def parsed(chart: str) -> ET.Element:
    """The chart and its legend as XML."""
    return ET.fromstring(f"<div>{chart}</div>")


@given(st.lists(st.floats(-1e12, 1e12, allow_nan=False), max_size=20))
def test_an_axis_holds_its_values_and_zero(values: list[float]) -> None:
    values = [value if abs(value) > 1e-9 else 0.0 for value in values]
    low, high, ticks = scale(values)
    assert low <= min([0.0, *values]) + abs(low) * 1e-9
    assert high >= max([0.0, *values]) - abs(high) * 1e-9
    assert low < high
    assert 2 <= len(ticks) <= 8
    assert any(math.isclose(tick, 0.0, abs_tol=(high - low) / 1e6) for tick in ticks)


@given(st.lists(st.lists(VALUES, min_size=5, max_size=5), max_size=12))
def test_every_point_lies_within(values: list[list[float | None]]) -> None:
    found = parsed(lines([*"abcde"], [Series(f"<{place}>", each) for place, each in enumerate(values)], "x & y"))

    drawn = [each for each in found.iter() if each.tag in ("polyline", "circle")]
    for each in drawn:
        points = each.get("points", f"{each.get('cx')},{each.get('cy')}").split()
        for x, y in (map(float, point.split(",")) for point in points):
            assert 0 <= x <= WIDTH
            assert 0 <= y <= HEIGHT
    told = {title.text for each in drawn for title in each.iter("title")}
    assert told == {f"<{place}>" for place, each in enumerate(values[:MOST_SERIES]) if any(v is not None for v in each)}


def test_a_gap_parts_a_line() -> None:
    found = parsed(lines([*"abcde"], [Series("x", [1.0, 2.0, None, 3.0, None])], "x"))

    assert [len(each.get("points", "").split()) for each in found.iter("polyline")] == [2]
    assert len([*found.iter("circle")]) == 1


def test_bars_stand_on_zero() -> None:
    found = parsed(bars(["up", "down", "<none>"], [10.0, -5.0, None], "x"))

    up, down = found.iter("rect")
    top, height = float(up.get("y", 0)), float(up.get("height", 0))
    assert top + height == pytest.approx(float(down.get("y", 0)), abs=0.2)
    assert height == pytest.approx(2 * float(down.get("height", 0)), abs=0.2)
    assert [title.text for title in found.iter("title")] == ["up: 10", "down: -5"]
