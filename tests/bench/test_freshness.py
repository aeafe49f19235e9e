"""Freshness between two looks is that of the records which were delivered in between."""

from collections.abc import Sequence

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from bench.freshness import Buckets, between, buckets
from streams.metrics import FRESHNESS_SECONDS
from streams.records_histogram import RecordsHistogram

BOUNDS = FRESHNESS_SECONDS._upper_bounds


def histogram() -> RecordsHistogram:
    return RecordsHistogram("millrace_freshness_seconds", "How long.", buckets=BOUNDS, registry=CollectorRegistry())


def seen(workers: Sequence[RecordsHistogram]) -> Buckets:
    return buckets(sample for worker in workers for family in worker.collect() for sample in family.samples)


def test_what_came_before_does_not_count() -> None:
    one, other = workers = (histogram(), histogram())
    one.observe_all(np.full(10_000, 50.0))
    before = seen(workers)
    one.observe_all(np.linspace(0.0, 2.0, 600))
    other.observe_all(np.linspace(0.0, 2.0, 400))
    found = between(before, seen(workers))
    assert found["freshness_median_seconds"] == pytest.approx(1.0, abs=0.02)
    assert found["freshness_p95_seconds"] == pytest.approx(1.9, abs=0.02)
    assert found["freshness_p99_seconds"] == pytest.approx(1.98, abs=0.02)


def test_a_few_records_that_are_late_are_not_lost_among_batches() -> None:
    worker = histogram()
    before = seen([worker])
    for _ in range(9):
        worker.observe_all(np.full(100, 0.6))
    worker.observe_all(np.full(100, 20.0))
    assert 10 < between(before, seen([worker]))["freshness_p95_seconds"] <= 30


def test_without_a_record_there_is_no_figure() -> None:
    worker = histogram()
    with pytest.raises(ValueError, match="no record was delivered"):
        between(seen([worker]), seen([worker]))
