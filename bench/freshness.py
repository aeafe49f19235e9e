"""How long records take until their rows can be asked for, between two looks at the workers."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from deploy.local.worker import quantile

BUCKET = "millrace_freshness_seconds_bucket"
SHARES = {"p99": 0.99, "p95": 0.95, "median": 0.5}
Buckets = Counter[float]
"""Records by the seconds that they took at most, cumulated."""


def buckets(samples: Iterable[Any]) -> Buckets:
    """Those of all workers whose metrics these are."""
    found = Buckets()
    for sample in samples:
        if sample.name == BUCKET:
            found[float(sample.labels["le"])] += int(sample.value)
    return found


def between(before: Buckets, after: Buckets) -> dict[str, float]:
    """Figures in seconds of what was delivered from the one look to the other, as exact as the metric's buckets are.

    Raises ValueError if nothing was.
    """
    delivered = {bound: float(after[bound] - before[bound]) for bound in sorted(after)}
    found = {name: quantile(share, delivered) for name, share in SHARES.items()}
    if None in found.values():
        raise ValueError("no record was delivered between the two looks; measure for longer")
    return {f"freshness_{name}_seconds": round(value or 0.0, 3) for name, value in found.items()}
