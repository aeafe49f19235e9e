-- from daily_trips
SELECT {quantile(0.95, duration)} AS value
FROM {source}
WHERE event_type = 'trip.completed'

-- from trip_events, events_raw
SELECT quantileExact(0.95)(duration_s) AS value
FROM {source}
WHERE event_type = 'trip.completed'
