"""Charts as inline SVG: lines over time, bars by key. Plain text, no script, nothing loaded from anywhere."""

import math
from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple

WIDTH: Final = 720
HEIGHT: Final = 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 12, 28
COLOURS: Final = ("#1f6feb", "#d1495b", "#2e933c", "#8a4fff", "#e08e0b", "#00798c", "#7a5c58", "#444444")
"""Apart also for most who see few colours; the legend and the table say the same in words."""
MOST_SERIES: Final = len(COLOURS)
MOST_BARS: Final = 20
_TICKS: Final = 4


class Series(NamedTuple):
    """One line."""

    name: str
    values: Sequence[float | None]
    """One for each label; None: a gap."""


def lines(labels: Sequence[str], series: Sequence[Series], title: str) -> str:
    """A chart of lines, the labels from left to right. At most MOST_SERIES series are drawn."""
    drawn = series[:MOST_SERIES]
    low, high, ticks = scale([value for each in drawn for value in each.values if value is not None])
    step = (WIDTH - _LEFT - _RIGHT) / max(1, len(labels) - 1)
    parts = _grid(low, high, ticks)
    for place in _shown(len(labels)):
        anchor = "start" if place == 0 else "end" if place == len(labels) - 1 else "middle"
        parts.append(_text(_LEFT + place * step, HEIGHT - 8, labels[place], anchor))
    for each, colour in zip(drawn, COLOURS, strict=False):
        points = [
            None if value is None else (_LEFT + place * step, _y(value, low, high))
            for place, value in enumerate(each.values)
        ]
        parts += _path(points, colour, each.name)
    return _svg(parts, title) + _legend([each.name for each in drawn])


def bars(labels: Sequence[str], values: Sequence[float | None], title: str) -> str:
    """A chart of bars, one a label. At most MOST_BARS are drawn."""
    labels, values = labels[:MOST_BARS], values[:MOST_BARS]
    low, high, ticks = scale([value for value in values if value is not None])
    step = (WIDTH - _LEFT - _RIGHT) / max(1, len(labels))
    zero = _y(0.0, low, high)
    parts = _grid(low, high, ticks)
    for place, (label, value) in enumerate(zip(labels, values, strict=True)):
        x = _LEFT + place * step
        parts.append(_text(x + step / 2, HEIGHT - 8, label[: max(3, int(step / 7))], "middle"))
        if value is not None:
            y = _y(value, low, high)
            top, height = min(y, zero), abs(y - zero)
            shape = f'x="{x + step * 0.15:.1f}" y="{top:.1f}" width="{step * 0.7:.1f}" height="{height:.1f}"'
            told = escape(f"{label}: {number(value)}")
            parts.append(f'<rect {shape} fill="{COLOURS[0]}"><title>{told}</title></rect>')
    return _svg(parts, title)


def scale(values: Sequence[float]) -> tuple[float, float, list[float]]:
    """Lower end, upper end and ticks of an axis that holds the values and zero.

    >>> scale([3.0, 87.0])
    (0.0, 100.0, [0.0, 25.0, 50.0, 75.0, 100.0])
    """
    low, high = min(0.0, *values, 0.0), max(0.0, *values, 0.0)
    span = (high - low) or 1.0
    raw = span / _TICKS
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * size for factor in (1, 2, 2.5, 5, 10) if factor * size >= raw * 0.999999)
    first, last = math.floor(low / step), max(math.ceil(high / step), math.floor(low / step) + 1)
    ticks = [place * step for place in range(first, last + 1)]
    return ticks[0], ticks[-1], ticks


def number(value: float) -> str:
    """A number as people read it.

    >>> [number(value) for value in (0.0, 1234567.0, 0.12345, 12.5)]
    ['0', '1,234,567', '0.1235', '12.5']
    """
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.4f}".rstrip("0").rstrip(".") if abs(value) < 1e15 else f"{value:.4g}"


def _y(value: float, low: float, high: float) -> float:
    return _TOP + (high - value) / (high - low) * (HEIGHT - _TOP - _BOTTOM)


def _grid(low: float, high: float, ticks: Sequence[float]) -> list[str]:
    parts = []
    for tick in ticks:
        y = _y(tick, low, high)
        colour = "#888888" if tick == 0 else "#dddddd"
        parts.append(f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{colour}"/>')
        parts.append(_text(_LEFT - 6, y + 4, number(tick), "end"))
    return parts


def _shown(count: int) -> list[int]:
    """Places whose labels have room."""
    if count <= 1:
        return [*range(count)]
    most = min(count, 7)
    return sorted({round(place * (count - 1) / (most - 1)) for place in range(most)})


def _path(points: Sequence[tuple[float, float] | None], colour: str, name: str) -> list[str]:
    """A line with its gaps; a value alone between two gaps is a dot."""
    runs: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point is None:
            runs.append([])
        else:
            runs[-1].append(point)
    parts = []
    for run in filter(None, runs):
        told = f"<title>{escape(name)}</title>"
        if len(run) == 1:
            parts.append(f'<circle cx="{run[0][0]:.1f}" cy="{run[0][1]:.1f}" r="3" fill="{colour}">{told}</circle>')
            continue
        where = " ".join(f"{x:.1f},{y:.1f}" for x, y in run)
        parts.append(f'<polyline points="{where}" fill="none" stroke="{colour}" stroke-width="2">{told}</polyline>')
    return parts


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(parts: Sequence[str], title: str) -> str:
    head = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}" font-size="11" fill="#333333">'
    return f"{head}{''.join(parts)}</svg>"


def _legend(names: Sequence[str]) -> str:
    if len(names) < 2:
        return ""
    items = [
        f'<li><span style="background:{colour}"></span>{escape(name)}</li>'
        for name, colour in zip(names, COLOURS, strict=False)
    ]
    return f'<ul class="legend">{"".join(items)}</ul>'
