-- from daily_trips
SELECT sum(duration_s) AS numerator, sum(events) AS denominator
FROM {source}
WHERE event_type = 'trip.completed'

-- from trip_events, events_raw
SELECT sum(duration_s) AS numerator, count() AS denominator
FROM {source}
WHERE event_type = 'trip.completed'
