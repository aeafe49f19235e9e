"""What a worker spends at a steady rate: a price by the second and by the event, for docs/performance.md."""

import statistics
from collections.abc import Sequence

from bench.curves.curve import figure
from bench.curves.declared import CURVES
from bench.curves.journal import Journal, Measured
from bench.stages import STAGES
from bench.store_page import markdown

RATE = 10_000.0
"""Events a second that are looked into, and the highest rate that the line is drawn through."""
BATCH = 2_500.0
"""Rows of the batches whose stages are told: about what one of two shards sends at that rate."""
LOAD, STAGE = "load", "stages"


def spent(journal: Journal) -> str:
    """The CPU of an event at `RATE`, taken apart; or the commands that measure what is needed."""
    curves = {curve.name: curve for curve in CURVES}
    loads = [point for point in journal.shown(curves[LOAD]) if point.value <= RATE]
    batches = [point for point in journal.shown(curves[STAGE]) if point.value == BATCH]
    if len(loads) < 2 or loads[-1].value != RATE or not batches:
        return f"Not measured yet: `make bench-curves ARGS='--only {LOAD} {STAGE}'` does it."
    whole = (figure(loads[-1].figures, "steady_cpu_share") or 0.0) / RATE * 1e6
    each, second = line(loads)
    stages = {name: figure(batches[0].figures, f"stages/{name}") or 0.0 for name in STAGES}
    inside = sum(stages.values())
    rows = [
        ("all that the process takes", _us(whole), f"{whole * RATE / 1e6:.0%}"),
        *((f"stage {name}", _us(us), f"{us * RATE / 1e6:.0%}") for name, us in stages.items()),
        ("everything else", _us(whole - inside), f"{(whole - inside) * RATE / 1e6:.0%}"),
    ]
    table = markdown((f"at {RATE:,.0f} events a second", "us of CPU an event", "of a core"), rows)
    return (
        f"{table}\n\nA line through the loads up to there: {second * 1000:.0f} ms a second whatever comes, and "
        f"{each:.1f} us an event. Stages are those of batches of {BATCH:,.0f} rows, without broker and store beside "
        "them."
    )


def line(points: Sequence[Measured]) -> tuple[float, float]:
    """Least squares through loads: microseconds an event, and CPU seconds of a second without events."""
    fit = statistics.linear_regression(
        [point.value for point in points], [figure(point.figures, "steady_cpu_share") or 0.0 for point in points]
    )
    return fit.slope * 1e6, fit.intercept


def _us(value: float) -> str:
    return f"{value:.1f}"
