-- from daily_trips
SELECT arrayElement(quantilesDDMerge(0.01, 0.5, 0.95)(duration), 1) AS value
FROM {source}
WHERE event_type = 'trip.completed'

-- from trip_events, events_raw
SELECT quantileExact(0.5)(duration_s) AS value
FROM {source}
WHERE event_type = 'trip.completed'
