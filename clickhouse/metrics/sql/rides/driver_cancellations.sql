-- from driver_earnings
SELECT sum(events) AS value
FROM {source}
WHERE event_type = 'trip.cancelled' AND cancelled_by = 'driver'

-- from trip_events, events_raw
SELECT count() AS value
FROM {source}
WHERE event_type = 'trip.cancelled' AND cancelled_by = 'driver'
