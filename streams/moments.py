"""Times as whole milliseconds since 1970, many at once."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import repeat
from operator import sub
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Stamps = NDArray[np.int64]
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def milliseconds(moments: Sequence[datetime]) -> Stamps:
    """Aware datetimes as milliseconds, cut off, not rounded: so ClickHouse reads them out of text.

    Raises TypeError if one is None.
    """
    # pyarrow reads durations two to three times as quickly as Python or numpy, and far quicker than times with a zone.
    ages = pa.array([*map(sub, moments, repeat(EPOCH))], pa.duration("us"))
    found: Stamps = ages.view(pa.int64()).to_numpy() // 1000
    return found
