"""What a worker spends at a steady rate: a price by the second and by the event, for docs/performance.md."""

import statistics
from collections.abc import Sequence

from bench.curves.curve import chosen
from bench.curves.declared import CURVES
from bench.curves.journal import Journal, Measured
from bench.store_page import markdown

RATE = 10_000.0
"""Events a second that are sent: what is looked into, and the highest rate that the line is drawn through."""
BATCH = 10_000.0
"""Rows of the batches whose stages are told: about what one shard sends at that rate."""
LOAD, STAGE = "load", "stages"
TAKEN, SHARE = "steady_events_per_second", "steady_cpu_share"


def spent(journal: Journal) -> str:
    """The CPU of an event at `RATE`, taken apart; or the command that measures what is needed on one machine."""
    load, stage = (next(chosen(CURVES, [name])) for name in (LOAD, STAGE))
    loads = [point for point in journal.shown(load) if point.value <= RATE]
    batches = [point for point in journal.shown(stage) if point.value == BATCH]
    if len(loads) < 2 or loads[-1].value != RATE or [point.machine for point in batches] != [loads[-1].machine]:
        return f"Not measured yet: `make bench-curves ARGS='--only {LOAD} {STAGE}'` does it."
    taken, share = _seen(loads[-1])
    stages: dict[str, float] = batches[0].figures["stages"]
    rows = [
        ("all that the process takes", share / taken * 1e6),
        *((f"stage {name}", us) for name, us in stages.items()),
        ("everything else", share / taken * 1e6 - sum(stages.values())),
    ]
    table = markdown(
        (f"{RATE:,.0f} events a second sent, {taken:,.0f} taken", "us of CPU an event", "of a core"),
        [(name, f"{us:.1f}", f"{us * taken / 1e6:.0%}") for name, us in rows],
    )
    each, second = line(loads)
    return (
        f"{table}\n\nA line through the loads up to there: {second * 1000:.0f} ms a second whatever comes, and "
        f"{each:.1f} us an event. Stages are those of batches of {BATCH:,.0f} rows, without broker and store beside "
        "them."
    )


def line(points: Sequence[Measured]) -> tuple[float, float]:
    """Least squares through loads: microseconds an event, and CPU seconds of a second without events."""
    taken, share = zip(*map(_seen, points), strict=True)
    fit = statistics.linear_regression(taken, share)
    return fit.slope * 1e6, fit.intercept


def _seen(load: Measured) -> tuple[float, float]:
    """Events taken a second, and the share of a core that it took."""
    return load.figures[TAKEN], load.figures[SHARE]
