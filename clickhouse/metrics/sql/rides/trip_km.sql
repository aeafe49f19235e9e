-- from daily_trips
SELECT sum(distance_km) AS numerator, sum(events) AS denominator
FROM {source}
WHERE event_type = 'trip.completed'

-- from trip_events, events_raw
SELECT sum(distance_km) AS numerator, count() AS denominator
FROM {source}
WHERE event_type = 'trip.completed'
