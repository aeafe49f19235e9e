"""What a delivered batch tells the metrics; per batch, not per event."""

import time
from collections import Counter

import numpy as np

from agents.batch import Batch
from agents.judge import DUPLICATE, SAMPLED_OUT
from streams import metrics
from streams.batch import count_runs
from streams.codec import spec_of


def delivered(batch: Batch) -> None:
    """Count a batch whose rows ClickHouse has acknowledged."""
    now = time.time()
    stamps: list[int] = []
    times: list[float] = []
    rows = 0
    for part in batch.judged.accepted:
        rows += len(part.events)
        stamps += part.stamps
        times += [event.time.timestamp() for event in part.events[:: max(1, len(part.events) // 200)]]
        for kind, count in Counter(map(type, part.events)).items():
            metrics.EVENTS.labels(spec_of(kind).name, "row").inc(count)
    for letter in batch.content.dead:
        metrics.EVENTS.labels(letter.event_type[:80] or "unknown", "dead_letter").inc()
    for topic, words in batch.verdict.items():
        for word in (DUPLICATE, SAMPLED_OUT):
            if runs := words.get(word):
                metrics.EVENTS.labels(topic, word).inc(count_runs(runs))
    metrics.BATCHES.labels("new").inc()
    metrics.BATCH_ROWS.observe(rows)
    metrics.BATCH_BYTES.inc(sum(decoded.size for chunks in batch.decoded.values() for decoded in chunks))
    if stamps:
        ages = now - np.asarray(stamps) / 1000
        p95 = float(np.percentile(ages, 95))
        metrics.FRESHNESS_SECONDS.observe(max(0.0, p95))
        metrics.FRESHNESS_P95.set(p95)
        metrics.FRESHNESS_MAX.set(float(ages.max()))
        metrics.EVENT_AGE_P95.set(now - float(np.percentile(times, 5)))
