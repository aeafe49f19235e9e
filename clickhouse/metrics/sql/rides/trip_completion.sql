-- By when the trips were started.

-- from daily_trips by started
SELECT sumIf(events, event_type = 'trip.completed') AS numerator,
    sumIf(events, event_type = 'trip.started') AS denominator
FROM {source}
WHERE event_type IN ('trip.started', 'trip.completed')

-- from trip_events, events_raw by started
SELECT countIf(event_type = 'trip.completed') AS numerator,
    countIf(event_type = 'trip.started') AS denominator
FROM {source}
WHERE event_type IN ('trip.started', 'trip.completed')
