-- from daily_trips
SELECT sum(fare) AS value
FROM {source}
WHERE event_type = 'trip.completed'

-- from trip_events, events_raw
SELECT sum(fare) AS value
FROM {source}
WHERE event_type = 'trip.completed'
