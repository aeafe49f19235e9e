-- from daily_trips
SELECT {quantile(0.5, duration)} AS value
FROM {source}
WHERE event_type = 'trip.completed'

-- from trip_events, events_raw
SELECT quantileExact(0.5)(duration_s) AS value
FROM {source}
WHERE event_type = 'trip.completed'
