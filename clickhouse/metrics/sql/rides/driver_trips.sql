-- from driver_earnings
SELECT sum(events) AS value
FROM {source}
WHERE event_type = 'trip.completed'

-- from trip_events, events_raw
SELECT count() AS value
FROM {source}
WHERE event_type = 'trip.completed'
