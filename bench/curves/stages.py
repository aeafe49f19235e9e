"""Points of the curve about stages: what each costs an event, by the size of the batch that it is given."""

import statistics

from bench import paired
from bench.curves.curve import Figures, Size

EVENTS: dict[Size, int] = {"small": 5_000, "full": 20_000}
"""Of a round, unless one batch has more."""
ROUNDS: dict[Size, int] = {"small": 3, "full": 8}


def batch(rows: float, size: Size) -> Figures:
    """The main job without broker and store (`bench/stages.py`), in a process of its own."""
    [found] = paired.in_processes(1, ROUNDS[size], events=max(EVENTS[size], int(rows)), batch=int(rows))
    names = found[0].stages
    return {
        "stages": {name: round(statistics.median(each.stages[name] for each in found), 3) for name in names},
        "all": round(statistics.median(each.job for each in found), 3),
        "reference_us": round(statistics.median(each.reference for each in found), 3),
    }
