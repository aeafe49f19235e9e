"""Points of curves about ClickHouse: questions over more and more rows, and windows that are counted again."""

import statistics
import tempfile
from pathlib import Path

from bench import query, recovery, volume
from bench.curves.curve import Figures, Size
from bench.curves.workers import environment

DAYS = 30.0
ROUNDS: dict[Size, int] = {"small": 6, "full": 15}
"""Times that each question is asked."""
QUICK_MS = 100.0


def rows(count: float, size: Size) -> Figures:
    """A store of so many events, filled by a worker; then every question of `bench/queries`, without caches."""
    with tempfile.TemporaryDirectory() as folder, environment(LOCATION_SAMPLE_RATE=1):
        home = Path(folder)
        filled = volume.run(int(count), DAYS, home)
        asked = query.run(home, ROUNDS[size])
    p95 = {name: each["p95_ms"] for name, each in asked["questions"].items()}
    return {
        "rows": asked["rows"],
        "median_ms": round(statistics.median(each["median_ms"] for each in asked["questions"].values()), 1),
        "p95_ms": round(statistics.median(p95.values()), 1),
        "slowest_p95_ms": max(p95.values()),
        "quick_share": round(sum(each < QUICK_MS for each in p95.values()) / len(p95), 3),
        "questions": p95,
        "filled_events_per_second": filled["events_per_second"],
    }


def cells(count: float, _: Size) -> Figures:
    """A shard whose pings lie in so many cells, assigned anew: its windows are counted again from their rows."""
    return dict(recovery.measured(int(count)))
