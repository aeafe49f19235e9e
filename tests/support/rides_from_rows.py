"""The real rides' windows by a question about the raw rows, which knows nothing of how windows are declared."""

from streams.settings import Settings
from tests.support.found import query

FROM_ROWS = """
SELECT toUnixTimestamp(toStartOfInterval(occurred_at, INTERVAL 5 MINUTE)) AS start, pickup_zone,
    countIf(event_type = 'booking.created'), countIf(event_type = 'booking.confirmed'),
    countIf(event_type = 'trip.completed'),
    toInt64(sumIf(ifNull(amount, 0), event_type = 'payment.success' AND currency = 'USD') * 100)
FROM events_raw
WHERE pickup_zone != '' AND event_type IN ('booking.created', 'booking.confirmed', 'trip.completed', 'payment.success')
GROUP BY start, pickup_zone
"""
MEASURES = ("created", "confirmed", "completed", "revenue")


def from_rows(settings: Settings) -> dict[str, dict[tuple[int, str], int]]:
    """By measure what happened per five minutes (start, seconds since 1970) and pickup zone; revenue in cents.

    As `from_the_file` has it, without zeros. No row may be late: the replay of a new pipeline has none.
    """
    found: dict[str, dict[tuple[int, str], int]] = {name: {} for name in MEASURES}
    for start, zone, *counts in query(settings, FROM_ROWS):
        for name, count in zip(MEASURES, counts, strict=True):
            if int(count):
                found[name][int(start), zone] = int(count)
    return found
