"""What a curve is: an axis, the points on it, how a point is measured, and what is drawn of it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Size = Literal["small", "full"]
SIZES: tuple[Size, ...] = ("small", "full")
Figures = dict[str, Any]
"""What one point has given: numbers by name, and numbers by question or stage below a name."""


@dataclass(frozen=True, slots=True)
class Plot:
    """One picture of a curve."""

    title: str
    unit: str
    """What stands at the left side; a `/` in a figure's name leads to one below another."""
    figures: Mapping[str, str]
    """Figures by name, with their words in the legend."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One curve."""

    name: str
    """Word on the command line, and name of the pictures."""
    axis: str
    """What changes from point to point, with its unit."""
    points: Mapping[Size, tuple[float, ...]]
    measure: Callable[[float, Size], Figures]
    plots: tuple[Plot, ...]
    seconds: Mapping[Size, float]
    """What a point takes, about, before one is measured."""
    doc: str
    """How it is measured, in the words of the page."""
    measured: str = ""
    """The figure that stands on the axis in place of the value that was asked for."""


def figure(figures: Figures, name: str) -> float | None:
    """A figure by its name; None where this point has none."""
    found: Any = figures
    for word in name.split("/"):
        found = found.get(word) if isinstance(found, dict) else None
    return None if found is None else float(found)


def chosen(curves: tuple[Curve, ...], names: list[str] | None) -> Iterator[Curve]:
    """The curves of these names, in their own order; all where none is given."""
    return (curve for curve in curves if not names or curve.name in names)
