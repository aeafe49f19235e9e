"""A sketch of quantiles: a count for each bin of values that differ by 1 % (DDSketch, Masson et al., 2019)."""

import math
from collections.abc import Mapping

from ddsketch.mapping import LogarithmicMapping

ACCURACY = 0.01
"""Relative accuracy of quantiles."""
NOT_POSITIVE = -(2**31)
"""The bin of values that are zero or below."""
_MAPPING = LogarithmicMapping(ACCURACY)


def cut(counts: Mapping[int, int]) -> dict[int, int]:
    """How many values are in each bin, from how often each value was there."""
    bins: dict[int, int] = {}
    for value, count in counts.items():
        key = int(_MAPPING.key(value)) if value > 0 else NOT_POSITIVE
        bins[key] = bins.get(key, 0) + count
    return bins


def quantile(bins: Mapping[int, int], share: float) -> float | None:
    """The value below which, or on which, this share of them lies; None over nothing."""
    wanted = math.ceil(share * sum(bins.values())) or 1
    seen = 0
    for key, count in sorted(bins.items()):
        seen += count
        if seen >= wanted:
            return 0.0 if key == NOT_POSITIVE else float(_MAPPING.value(key))
    return None
