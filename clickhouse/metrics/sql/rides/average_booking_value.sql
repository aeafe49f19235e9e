-- from hourly_bookings
SELECT sum(amount) AS numerator, sum(amounts) AS denominator
FROM {source}
WHERE event_type = 'booking.confirmed'

-- from booking_events, events_raw
SELECT sum(ifNull(amount, 0)) AS numerator, count(amount) AS denominator
FROM {source}
WHERE event_type = 'booking.confirmed'
