"""What a delivered batch tells the metrics; per batch, not per event."""

import time

import numpy as np

from agents.batch import Batch
from streams import metrics
from streams.events import registry


def taken(batch: Batch) -> None:
    """Count the records of a batch whose rows ClickHouse holds, by type and outcome."""
    for part in batch.judged.accepted:
        for name, count in part.types().items():
            metrics.EVENTS.labels(name, "row").inc(count)
    for letter in batch.content.dead:
        name = letter.event_type if letter.event_type in registry.events else "unknown"
        metrics.EVENTS.labels(name, "dead_letter").inc()
    for (left, word), count in batch.judged.left_out.items():
        metrics.EVENTS.labels(left, word).inc(count)


def delivered(batch: Batch) -> float | None:
    """Measure a batch whose rows ClickHouse has acknowledged; its freshness, p95 in seconds, None without rows."""
    now = time.time()
    tables = batch.content.tables.values()
    count = sum(map(len, tables))
    metrics.BATCHES.labels("new").inc()
    metrics.BATCH_ROWS.observe(count)
    metrics.BATCH_BYTES.inc(sum(decoded.size for chunks in batch.decoded.values() for decoded in chunks))
    if not count:
        return None
    ages = now - np.concatenate([rows.stamps("appended_at") for rows in tables]) / 1000
    times = np.concatenate([rows.stamps("occurred_at") for rows in tables]) / 1000
    p95 = float(np.percentile(ages, 95))
    metrics.FRESHNESS_SECONDS.observe_all(np.maximum(ages, 0.0))
    metrics.FRESHNESS_P95.set(p95)
    metrics.FRESHNESS_MAX.set(float(ages.max()))
    metrics.EVENT_AGE_P95.set(now - float(np.percentile(times, 5)))
    return p95
