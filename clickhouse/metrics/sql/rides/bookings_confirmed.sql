-- from hourly_bookings
SELECT sum(events) AS value
FROM {source}
WHERE event_type = 'booking.confirmed'

-- from booking_events, events_raw
SELECT count() AS value
FROM {source}
WHERE event_type = 'booking.confirmed'
