"""A histogram of records that is told of a whole batch at once."""

import numpy as np
import numpy.typing as npt
from prometheus_client import Histogram


class RecordsHistogram(Histogram):
    """`observe` adds one value; this adds one for each record of a batch, at the cost of one."""

    def observe_all(self, values: npt.NDArray[np.float64]) -> None:
        """Add these values, in the unit of the metric."""
        places = np.searchsorted(self._upper_bounds, values)  # a value on a bound belongs below it, as in `observe`
        for place, count in enumerate(np.bincount(places, minlength=len(self._upper_bounds)).tolist()):
            if count:
                self._buckets[place].inc(count)
        self._sum.inc(float(values.sum()))
