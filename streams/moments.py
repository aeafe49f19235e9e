"""Times as whole milliseconds since 1970, many at once."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

Stamps = NDArray[np.int64]


def milliseconds(moments: Sequence[datetime]) -> Stamps:
    """Aware datetimes as milliseconds, cut off, not rounded: so ClickHouse reads them out of text.

    Raises TypeError if one is None.
    """
    seconds = np.fromiter(map(datetime.timestamp, moments), np.float64, len(moments))
    # A float of today's seconds is exact to a quarter of a microsecond; the datetime has whole microseconds.
    found: Stamps = np.rint(seconds * 1e6).astype(np.int64) // 1000
    return found
