-- Trips started and completed by day of their start, and how long and far they went.
SELECT toDate(started_bucket) AS day, sumIf(events, event_type = 'trip.started') AS started,
    sumIf(events, event_type = 'trip.completed') AS completed,
    sumIf(distance_km, event_type = 'trip.completed') / completed AS km,
    quantilesDDMergeIf(0.01, 0.5, 0.95)(duration, event_type = 'trip.completed') AS seconds
FROM daily_trips WHERE bucket >= {since:DateTime} AND bucket < {until:DateTime}
GROUP BY day ORDER BY day
