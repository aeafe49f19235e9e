"""Lines over a number as a picture that stands by itself, in SVG, readable on light ground and on dark.

The house's own charts (`api/reports/chart.py`) are parts of a page and go by labels; these have an axis of numbers,
evenly or by powers of ten, and bring their colours for both grounds with them.
"""

import math
from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple

from api.reports.chart import number, scale

WIDTH: Final = 720
HEIGHT: Final = 300
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 62, 46
COLOURS: Final = ("#2f81f7", "#d9822b", "#2ea043", "#a371f7", "#e5534b", "#8b949e")
DASHES: Final = ("", "7 4", "2 3", "9 3 2 3", "5 2", "1 2")
"""Lines are told apart without colours too."""
WIDE: Final = 20.0
"""An axis whose ends are so many times apart goes by powers of ten."""
STYLE: Final = (
    "<style>text{font:12px system-ui,sans-serif;fill:#1f2328}.soft{fill:#59636e}.grid{stroke:#d1d9e0}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.soft{fill:#9198a1}.grid{stroke:#3d444d}}</style>"
)


class Line(NamedTuple):
    """One line."""

    name: str
    points: Sequence[tuple[float, float]]


def picture(title: str, axis: str, unit: str, lines: Sequence[Line]) -> str:
    """The whole file. Raises ValueError where there is nothing to draw, or more lines than can be told apart."""
    xs = sorted({x for line in lines for x, _ in line.points})
    if not xs or len(lines) > len(COLOURS):
        raise ValueError(f"{title}: {len(lines)} lines over {len(xs)} values cannot be drawn; 1 to {len(COLOURS)} can")
    low, high, ticks = scale([y for line in lines for _, y in line.points])
    parts = [text(LEFT, 20, title, size=15), text(LEFT, 40, unit, soft=True)]
    for tick in ticks:
        y = _y(tick, low, high)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(text(LEFT - 8, y + 4, number(round(tick, 6)), "end", soft=True))
    place = Across(xs)
    shown = -math.inf
    for x in xs:
        if place(x) - shown >= 44:
            shown = place(x)
            parts.append(text(shown, HEIGHT - BOTTOM + 18, short(x), "middle", soft=True))
    parts.append(text(WIDTH - RIGHT, HEIGHT - 8, axis, "end", soft=True))
    for order, line in enumerate(lines):
        parts += _line(line, order, [(place(x), _y(y, low, high)) for x, y in line.points])
    if len(lines) > 1:
        parts += _legend([line.name for line in lines])
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
    return "\n".join([f'{head} aria-label="{escape(title)}">', STYLE, *parts, "</svg>"]) + "\n"


class Across:
    """Where a value stands from left to right."""

    def __init__(self, xs: Sequence[float]) -> None:
        """`xs`: all values, ascending."""
        self._by_tens = xs[0] > 0 and xs[-1] / xs[0] >= WIDE
        first, last = self._at(xs[0]), self._at(xs[-1])
        self._first, self._span = first, (last - first) or 1.0

    def __call__(self, x: float) -> float:
        """Units from the picture's left side."""
        return LEFT + 14 + (self._at(x) - self._first) / self._span * (WIDTH - LEFT - RIGHT - 28)

    def _at(self, x: float) -> float:
        return math.log10(x) if self._by_tens else x


def short(value: float) -> str:
    """A number on the axis.

    >>> [short(value) for value in (0.05, 12.0, 2500.0, 10_000.0, 20_000_000.0, 123_456.0)]
    ['0.05', '12', '2.5k', '10k', '20M', '123k']
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{float(f'{value / size:.3g}'):g}{letter}"
    return f"{value:g}"


def _line(line: Line, order: int, places: Sequence[tuple[float, float]]) -> list[str]:
    colour, dash = COLOURS[order], DASHES[order]
    way = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    parts = [f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2.5"{dashed}/>']
    for (x, y), (value, told) in zip(places, line.points, strict=True):
        words = escape(f"{line.name}, {number(value)}: {number(told)}")
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"><title>{words}</title></circle>')
    return parts


def _legend(names: Sequence[str]) -> list[str]:
    """From the right side on, above the lines."""
    parts: list[str] = []
    x = float(WIDTH - RIGHT)
    for order in reversed(range(len(names))):
        x -= 7.0 * len(names[order])
        parts.append(text(x, 40, names[order]))
        dashed = f' stroke-dasharray="{DASHES[order]}"' if DASHES[order] else ""
        line = f'<line x1="{x - 30:.1f}" x2="{x - 6:.1f}" y1="36" y2="36" stroke="{COLOURS[order]}" stroke-width="2.5"'
        parts.append(f"{line}{dashed}/>")
        x -= 46.0
    return parts


def text(x: float, y: float, said: str, anchor: str = "start", *, soft: bool = False, size: int = 12) -> str:
    """Words at a place."""
    words = ' class="soft"' if soft else ""
    large = f' style="font-size:{size}px"' if size != 12 else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{words}{large}>{escape(said)}</text>'


def _y(value: float, low: float, high: float) -> float:
    return TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM)
