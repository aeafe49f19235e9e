-- A route by its id, else by its pair of zones.

-- from popular_routes
SELECT sum(events) AS value
FROM {source}
WHERE event_type = 'booking.created'

-- from booking_events, events_raw
SELECT count() AS value
FROM {source}
WHERE event_type = 'booking.created'
