"""What a delivered batch tells the metrics; per batch, not per event."""

import time
from collections import Counter

import numpy as np

from agents.batch import Batch
from streams import metrics
from streams.codec import spec_of
from streams.events import registry


def taken(batch: Batch) -> None:
    """Count the records of a batch whose rows ClickHouse holds, by type and outcome."""
    for part in batch.judged.accepted:
        for kind, count in Counter(map(type, part.events)).items():
            metrics.EVENTS.labels(spec_of(kind).name, "row").inc(count)
    for letter in batch.content.dead:
        name = letter.event_type if letter.event_type in registry.events else "unknown"
        metrics.EVENTS.labels(name, "dead_letter").inc()
    for (left, word), count in batch.judged.left_out.items():
        metrics.EVENTS.labels(left, word).inc(count)


def delivered(batch: Batch) -> float | None:
    """Measure a batch whose rows ClickHouse has acknowledged; its freshness, p95 in seconds, None without rows."""
    now = time.time()
    stamps: list[int] = []
    times: list[float] = []
    for part in batch.judged.accepted:
        stamps += part.stamps
        times += [event.time.timestamp() for event in part.events[:: max(1, len(part.events) // 200)]]
    metrics.BATCHES.labels("new").inc()
    metrics.BATCH_ROWS.observe(sum(len(part.events) for part in batch.judged.accepted))
    metrics.BATCH_BYTES.inc(sum(decoded.size for chunks in batch.decoded.values() for decoded in chunks))
    if not stamps:
        return None
    ages = now - np.asarray(stamps) / 1000
    p95 = float(np.percentile(ages, 95))
    metrics.FRESHNESS_SECONDS.observe_all(np.maximum(ages, 0.0))
    metrics.FRESHNESS_P95.set(p95)
    metrics.FRESHNESS_MAX.set(float(ages.max()))
    metrics.EVENT_AGE_P95.set(now - float(np.percentile(times, 5)))
    return p95
