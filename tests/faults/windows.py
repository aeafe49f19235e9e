"""Closed windows in `metrics_realtime`, held to the raw rows: whether an event was late for one stands in its row."""

from typing import NamedTuple

from streams.settings import Settings
from tests.support.found import query

SIZE, LATENESS = 60, 600
"""Of the windows below, in seconds."""


class Counted(NamedTuple):
    """A measure that counts events of one type."""

    window: str
    measure: str
    event_type: str


COUNTED = (
    Counted("rides.bookings.1m", "created", "booking.created"),
    Counted("rides.bookings.1m", "confirmed", "booking.confirmed"),
    Counted("rides.trips.1m", "completed", "trip.completed"),
    Counted("rides.payments.1m", "succeeded", "payment.success"),
)
_DIFFERING = """
SELECT shard, start, sum(n_kept) AS kept, sum(n_rows) AS counted FROM (
    SELECT shard, toUnixTimestamp(starts_at) AS start, toInt64(values['{measure}']) AS n_kept, 0 AS n_rows
    FROM metrics_realtime_latest WHERE window = '{window}'
    UNION ALL
    SELECT shard, intDiv(toUnixTimestamp(occurred_at), {size}) * {size} AS start, 0, count()
    FROM events_raw WHERE event_type = '{event_type}'
        AND (start + {size} + {lateness}) * 1000 > toUnixTimestamp64Milli(watermark)
    GROUP BY shard, start
)
WHERE start + {size} <= {before} GROUP BY shard, start HAVING kept != counted ORDER BY start, shard
"""


def differing(settings: Settings, before: float) -> list[str]:
    """Windows that ended before (Unix seconds) and are not kept as the rows say; ask once they have closed."""
    found = []
    for each in COUNTED:
        sql = _DIFFERING.format(**each._asdict(), size=SIZE, lateness=LATENESS, before=int(before))
        found += [
            f"{each.window} of shard {shard} at {start}: {each.measure} is {kept}, by the raw rows {counted}"
            for shard, start, kept, counted in query(settings, sql)
        ]
    return found
