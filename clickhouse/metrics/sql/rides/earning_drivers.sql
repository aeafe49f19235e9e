-- from driver_earnings
SELECT uniqExact(driver_id) AS value
FROM {source}
WHERE event_type = 'trip.completed'

-- from trip_events, events_raw
SELECT uniqExact(ifNull(driver_id, '')) AS value
FROM {source}
WHERE event_type = 'trip.completed'
