"""Records that are told of together stand in the histogram as if each had been told of."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram

from streams.records_histogram import RecordsHistogram

BOUNDS = (0.1, 1.0, 2.5, 10.0)


def told(histogram: Histogram) -> list[tuple[str, str, float]]:
    """Every sample but those of times of creation."""
    samples = [sample for family in histogram.collect() for sample in family.samples]
    return [(each.name, each.labels.get("le", ""), each.value) for each in samples if "_created" not in each.name]


@given(st.lists(st.lists(st.sampled_from([0.0, 0.05, *BOUNDS, 2.0, 10.5, 1000.0]), max_size=20), max_size=5))
def test_batches_are_as_their_records(batches: list[list[float]]) -> None:
    one = Histogram("seconds", "How long.", buckets=BOUNDS, registry=CollectorRegistry())
    all_at_once = RecordsHistogram("seconds", "How long.", buckets=BOUNDS, registry=CollectorRegistry())
    for batch in batches:
        all_at_once.observe_all(np.asarray(batch, dtype=np.float64))
        for value in batch:
            one.observe(value)
    for mine, theirs in zip(told(all_at_once), told(one), strict=True):
        assert mine[:2] == theirs[:2]
        assert abs(mine[2] - theirs[2]) < 1e-6
