"""Windows, live in Redis and kept in `metrics_realtime`, held to the raw rows: in each stands whether it was late."""

import time
from typing import NamedTuple

from redis.asyncio import Redis

from streams.events import registry
from streams.settings import Settings
from tables.declared import declared
from tables.live import Live
from tables.query import Query
from tests.support.found import query
from tests.support.promises import uneven

SIZE, LATENESS = 60, 600
"""Of the windows below, in seconds."""
LIVE_SECONDS = 1800
"""So far back live windows are looked at; they are published for an hour and more."""


class Counted(NamedTuple):
    """A measure that counts events of one type."""

    window: str
    measure: str
    event_type: str

    @property
    def table(self) -> str:
        """Where the rows are."""
        return registry.events[self.event_type].domain.raw_table


COUNTED = (
    Counted("rides.bookings.1m", "created", "booking.created"),
    Counted("rides.bookings.1m", "confirmed", "booking.confirmed"),
    Counted("rides.trips.1m", "completed", "trip.completed"),
    Counted("rides.payments.1m", "succeeded", "payment.success"),
    Counted("ticketing.pages.1m", "views", "page.viewed"),
    Counted("ticketing.sales.1m", "purchased", "ticket.purchased"),
)
_DIFFERING = """
SELECT shard, start, sum(n_kept) AS kept, sum(n_rows) AS counted FROM (
    SELECT shard, toUnixTimestamp(starts_at) AS start, toInt64(values['{measure}']) AS n_kept, 0 AS n_rows
    FROM metrics_realtime_latest WHERE window = '{window}'
    UNION ALL
    SELECT shard, intDiv(toUnixTimestamp(occurred_at), {size}) * {size} AS start, 0, count()
    FROM {table} WHERE event_type = '{event_type}'
        AND (start + {size} + {lateness}) * 1000 > toUnixTimestamp64Milli(watermark)
    GROUP BY shard, start
)
WHERE start + {size} <= {before} GROUP BY shard, start HAVING kept != counted ORDER BY start, shard
"""
_COUNTED = """
SELECT intDiv(toUnixTimestamp(occurred_at), {size}) * {size} AS start, count() FROM {table}
WHERE event_type = '{event_type}' AND start >= {since} AND start < {until}
    AND (start + {size} + {lateness}) * 1000 > toUnixTimestamp64Milli(watermark)
GROUP BY start
"""


def differing(settings: Settings, before: float) -> list[str]:
    """Windows that ended before (Unix seconds) and are not kept as the rows say; ask once they have closed."""
    found = []
    for each in COUNTED:
        sql = _DIFFERING.format(**each._asdict(), table=each.table, size=SIZE, lateness=LATENESS, before=int(before))
        found += [
            f"{each.window} of shard {shard} at {start}: {each.measure} is {kept}, by the raw rows {counted}"
            for shard, start, kept, counted in query(settings, sql)
        ]
    return found


async def live_differing(settings: Settings) -> list[str]:
    """Windows of the last half hour that Redis does not tell as the rows say, the running one among them."""
    now = int(time.time())
    since, until = (now - LIVE_SECONDS) // SIZE * SIZE, now + SIZE
    redis = Redis.from_url(settings.redis_url or "")
    try:
        live = Live(redis, settings.kafka_group, declared, expected=settings.kafka_partitions)
        view = await live.read(*(Query(each.window, start=since, end=until) for each in COUNTED))
    finally:
        await redis.aclose()
    found = []
    for each, rows in zip(COUNTED, view.rows, strict=True):
        told = {row.start: row.values[each.measure] or 0 for row in rows}
        sql = _COUNTED.format(
            event_type=each.event_type, table=each.table, size=SIZE, lateness=LATENESS, since=since, until=until
        )
        counted = dict(map(tuple, query(settings, sql)))
        found += [
            f"{each.window} at {start}: {each.measure} is {is_} live, by the raw rows {must}"
            for start, must, is_ in uneven(counted, told)
        ]
    return found
