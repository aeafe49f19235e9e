-- from hourly_bookings
SELECT sum(seats) AS value
FROM {source}
WHERE event_type = 'booking.created'

-- from booking_events, events_raw
SELECT sum(ifNull(seats, 0)) AS value
FROM {source}
WHERE event_type = 'booking.created'
