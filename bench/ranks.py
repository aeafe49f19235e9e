"""The percentile that every benchmark tells, so that all tell the same."""

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest rank: the smallest of the values that so large a share of them (0 to 1) does not exceed.

    It is never below the share, so of few values the 95th percentile is the largest. Raises ValueError without values.

    >>> percentile([30, 10, 20], 0.95), percentile(range(1, 101), 0.95), percentile(range(1, 31), 0.95)
    (30, 95, 29)
    """
    if not values:
        raise ValueError(f"there is no {share:.0%} percentile of nothing; measure at least once")
    # Rounded first: 0.07 * 100 is a little above 7.
    return sorted(values)[max(0, math.ceil(round(share * len(values), 9)) - 1)]
