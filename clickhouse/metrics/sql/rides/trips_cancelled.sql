-- from daily_trips
SELECT sum(events) AS value
FROM {source}
WHERE event_type = 'trip.cancelled'

-- from trip_events, events_raw
SELECT count() AS value
FROM {source}
WHERE event_type = 'trip.cancelled'
