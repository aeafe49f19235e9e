-- from driver_earnings
SELECT 3600 * sum(earnings) AS numerator, sum(duration_s) AS denominator
FROM {source}
WHERE event_type = 'trip.completed'

-- from trip_events, events_raw
SELECT 3600 * sum(driver_earnings) AS numerator, sum(duration_s) AS denominator
FROM {source}
WHERE event_type = 'trip.completed'
