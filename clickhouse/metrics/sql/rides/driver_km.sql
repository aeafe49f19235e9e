-- from driver_earnings
SELECT sum(distance_km) AS value
FROM {source}
WHERE event_type = 'trip.completed'

-- from trip_events, events_raw
SELECT sum(distance_km) AS value
FROM {source}
WHERE event_type = 'trip.completed'
