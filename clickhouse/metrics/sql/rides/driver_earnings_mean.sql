-- from driver_earnings
SELECT sum(earnings) AS numerator, uniqExact(driver_id) AS denominator
FROM {source}
WHERE event_type = 'trip.completed'

-- from trip_events, events_raw
SELECT sum(driver_earnings) AS numerator, uniqExact(ifNull(driver_id, '')) AS denominator
FROM {source}
WHERE event_type = 'trip.completed'
