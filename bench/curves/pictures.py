"""The pictures of the curves in docs/images, drawn from the points that are checked in."""

from collections.abc import Iterator
from pathlib import Path

from bench import machine
from bench.curves import svg
from bench.curves.curve import Curve, Plot, figure
from bench.curves.declared import CURVES
from bench.curves.journal import Journal, Measured

ROOT = Path(__file__).parent.parent.parent
JOURNAL = ROOT / "bench" / "results" / "curves.jsonl"
IMAGES = ROOT / "docs" / "images"
LEAST = 2
"""Points that make a line."""


def read() -> Journal:
    """What is checked in. Raises ConfigurationError."""
    return Journal(JOURNAL, machine.described())


def drawn(journal: Journal) -> dict[str, str]:
    """Every picture by the name of its file."""
    return {
        file: svg.picture(plot.title, curve.axis, plot.unit, lines)
        for curve in CURVES
        for file, plot, lines in of_curve(curve, journal)
    }


def of_curve(curve: Curve, journal: Journal) -> Iterator[tuple[str, Plot, list[svg.Line]]]:
    """File, declaration and lines of each picture of a curve; none while it has less than two points."""
    points = journal.shown(curve)
    if len(points) < LEAST:
        return
    for number, plot in enumerate(curve.plots, 1):
        lines = [svg.Line(words, line(curve, name, points)) for name, words in plot.figures.items()]
        if any(each.points for each in lines):
            yield f"curve-{curve.name}-{number}.svg", plot, lines


def line(curve: Curve, name: str, points: list[Measured]) -> list[tuple[float, float]]:
    """The values of one figure along the axis."""
    found = ((where(curve, point), figure(point.figures, name)) for point in points)
    return sorted((x, y) for x, y in found if y is not None)


def where(curve: Curve, point: Measured) -> float:
    """Where a point stands on the axis."""
    measured = figure(point.figures, curve.measured) if curve.measured else None
    return point.value if measured is None else measured


def draw(journal: Journal) -> None:
    """Write every picture, and remove those that no curve has any more."""
    made = drawn(journal)
    for old in IMAGES.glob("curve-*.svg"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (IMAGES / name).write_text(text)
