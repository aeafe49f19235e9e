-- By what was started and what was completed in the period.

-- from driver_earnings
SELECT sumIf(events, event_type = 'trip.completed') AS numerator,
    sumIf(events, event_type = 'trip.started') AS denominator
FROM {source}
WHERE event_type IN ('trip.started', 'trip.completed')

-- from trip_events, events_raw
SELECT countIf(event_type = 'trip.completed') AS numerator,
    countIf(event_type = 'trip.started') AS denominator
FROM {source}
WHERE event_type IN ('trip.started', 'trip.completed')
