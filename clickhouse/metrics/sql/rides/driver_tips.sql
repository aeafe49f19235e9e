-- from driver_earnings
SELECT sum(tip) AS value
FROM {source}
WHERE event_type = 'trip.completed'

-- from trip_events, events_raw
SELECT sum(tip) AS value
FROM {source}
WHERE event_type = 'trip.completed'
