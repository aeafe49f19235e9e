-- from daily_trips
SELECT sum(events) AS value
FROM {source}
WHERE event_type = 'trip.started'

-- from trip_events, events_raw
SELECT count() AS value
FROM {source}
WHERE event_type = 'trip.started'
