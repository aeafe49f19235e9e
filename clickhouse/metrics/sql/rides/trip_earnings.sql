-- from daily_trips
SELECT sum(earnings) AS value
FROM {source}
WHERE event_type = 'trip.completed'

-- from trip_events, events_raw
SELECT sum(driver_earnings) AS value
FROM {source}
WHERE event_type = 'trip.completed'
