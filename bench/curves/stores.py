"""Points of curves about ClickHouse: questions over more and more rows, and windows that are counted again."""

import os
import shutil
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench import query, recovery, volume
from bench.curves.curve import Figures, Size
from bench.curves.workers import environment

DAYS = 30.0
ROUNDS: dict[Size, int] = {"small": 6, "full": 15}
"""Times that each question is asked."""
QUICK_MS = 100.0
STORES: Final = "BENCH_STORES"
"""Variable of the environment: the folder that stores of events stay in, by how many they have."""
FULL: Final = "filled"
"""File of a store that says that nothing was left out."""


def rows(count: float, size: Size) -> Figures:
    """A store of so many events, filled by a worker; then every question of `bench/queries`, without caches."""
    with store(int(count)) as home:
        asked = query.run(home, ROUNDS[size])
    p95 = {name: each["p95_ms"] for name, each in asked["questions"].items()}
    return {
        "rows": asked["rows"],
        "median_ms": round(statistics.median(each["median_ms"] for each in asked["questions"].values()), 1),
        "p95_ms": round(statistics.median(p95.values()), 1),
        "slowest_p95_ms": max(p95.values()),
        "quick_share": round(sum(each < QUICK_MS for each in p95.values()) / len(p95), 3),
        "questions": p95,
    }


def cells(count: float, _: Size) -> Figures:
    """A shard whose pings lie in so many cells, assigned anew: its windows are counted again from their rows."""
    return dict(recovery.measured(int(count)))


@contextmanager
def store(count: int) -> Iterator[Path]:
    """A store of so many events: the one that is kept, else one that is filled, and kept if there is a folder."""
    kept = os.environ.get(STORES)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(kept, str(count)) if kept else Path(folder)
        if not (home / FULL).exists():
            shutil.rmtree(home, ignore_errors=True)  # a fill that was broken off
            with environment(LOCATION_SAMPLE_RATE=1):
                volume.run(count, DAYS, home)
            (home / FULL).touch()
        yield home
