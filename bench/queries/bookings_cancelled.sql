-- Why bookings were cancelled, by whom, and how long after they were made.
SELECT cancelled_by, reason, count() AS bookings, quantile(0.5)(dateDiff('second', created_at, occurred_at)) AS seconds
FROM booking_events
WHERE event_type = 'booking.cancelled' AND occurred_at >= {since:DateTime} AND occurred_at < {until:DateTime}
GROUP BY cancelled_by, reason ORDER BY bookings DESC
