-- from hourly_bookings, geographic_metrics
SELECT sum(events) AS value
FROM {source}
WHERE event_type = 'booking.cancelled'

-- from booking_events, events_raw
SELECT count() AS value
FROM {source}
WHERE event_type = 'booking.cancelled'
