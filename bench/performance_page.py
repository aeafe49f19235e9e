"""Tables of docs/performance.md: curves with pictures, how they grow, and the guard's runs."""

import math
from collections.abc import Sequence

from bench.curves import pictures
from bench.curves.curve import Curve, figure
from bench.curves.declared import CURVES
from bench.curves.journal import Journal, Measured
from bench.store_page import markdown, number
from bench.trend import Point

RUNS = 12
"""Runs of the guard that are shown."""
GROWTH = "rows"
"""The curve whose growth is stated question by question."""
FASTEST = 8
"""Questions that are shown, those that grow most."""


def curves(journal: Journal) -> str:
    """Every curve: how it is measured, pictures, and the numbers; or the command that it comes by."""
    return "\n\n".join(_curve(curve, journal) for curve in CURVES)


def _curve(curve: Curve, journal: Journal) -> str:
    points = journal.shown(curve)
    first = curve.plots[0]
    parts = [f"### {first.title} ({first.unit}), by {curve.axis}", curve.doc]
    if not points:
        return "\n\n".join([*parts, f"Not measured yet: `make bench-curves ARGS='--only {curve.name}'` does it."])
    for file, plot, _ in pictures.of_curve(curve, journal):
        parts.append(f"![{plot.title}, {plot.unit}, by {curve.axis}](images/{file})")
    parts.append(_numbers(curve, points))
    if curve.name == GROWTH and len(points) > 1:
        parts.append(growth(points[0], points[-1]))
    return "\n\n".join([*parts, _told(points)])


def _numbers(curve: Curve, points: Sequence[Measured]) -> str:
    names = {
        name: words if plot is curve.plots[0] else f"{words}, {plot.unit}"
        for plot in curve.plots
        for name, words in plot.figures.items()
    }
    rows = []
    for point in points:
        found = (figure(point.figures, name) for name in names)
        rows.append((number(pictures.where(curve, point)), *("" if each is None else number(each) for each in found)))
    return markdown((curve.axis, *names.values()), rows)


def _told(points: Sequence[Measured]) -> str:
    """What the points were measured on."""
    first = points[0]
    size = "Small points, which show the shape alone" if first.size == "small" else "Full points"
    machine = first.machine
    return (
        f"{size}: {machine['cores']} cores of {machine['processor']}, {machine['memory_gigabytes']} GB, "
        f"Python {machine['python']}; {min(point.at for point in points)[:10]}."
    )


def growth(first: Measured, last: Measured) -> str:
    """How questions grow with rows: by which power, and those that grow most."""
    times = last.figures["rows"] / first.figures["rows"]
    before, after = first.figures["questions"], last.figures["questions"]
    powers = {name: math.log(after[name] / before[name]) / math.log(times) for name in after if before.get(name)}
    most = sorted(powers, key=lambda name: -powers[name])[:FASTEST]
    rows = [(f"`{name}`", number(before[name]), number(after[name]), f"{powers[name]:.2f}") for name in most]
    middle = sorted(powers.values())[len(powers) // 2]
    said = (
        f"For {times:.0f} times the rows the middle question takes {times**middle:.1f} times as long (power "
        f"{middle:.2f}; 1 would be in proportion). Those that grow most:"
    )
    head = ("question", f"p95 ms, {first.figures['rows']:,} rows", f"{last.figures['rows']:,} rows", "power")
    return f"{said}\n\n{markdown(head, rows)}"


def guard(history: Sequence[Point]) -> str:
    """The newest runs, newest last."""
    if not history:
        return "No run is recorded yet: `make bench` records one."
    names = list(history[-1].stages)
    rows = [
        (
            point.at[:10],
            point.version,
            f"{point.ratio:.3f} ({min(point.spread):.3f} to {max(point.spread):.3f})",
            f"{point.job_us:.1f}",
            *(f"{point.stages[name]:.2f}" if name in point.stages else "" for name in names),
        )
        for point in history[-RUNS:]
    ]
    return markdown(("run", "version", "fixed loop = 1", "us an event", *(f"{name}, loops" for name in names)), rows)
