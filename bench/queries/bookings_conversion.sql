-- Bookings created, confirmed and cancelled by hour.
SELECT toStartOfHour(bucket) AS hour, sumIf(events, event_type = 'booking.created') AS created,
    sumIf(events, event_type = 'booking.confirmed') AS confirmed, sumIf(events, event_type = 'booking.cancelled') AS cancelled
FROM hourly_bookings WHERE bucket >= {since:DateTime} AND bucket < {until:DateTime}
GROUP BY hour ORDER BY hour
