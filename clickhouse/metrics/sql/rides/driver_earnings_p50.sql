-- from driver_earnings per driver_id: sum(earnings) AS earned
SELECT quantileExact(0.5)(earned) AS value
FROM {source}
WHERE event_type = 'trip.completed'

-- from trip_events, events_raw per driver_id: sum(driver_earnings) AS earned
SELECT quantileExact(0.5)(earned) AS value
FROM {source}
WHERE event_type = 'trip.completed'
