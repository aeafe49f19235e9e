-- Trips started and completed by day of their start, and how long and far they went.
SELECT toDate(started_bucket) AS day, sumIf(events, event_type = 'trip.started') AS started,
    sumIf(events, event_type = 'trip.completed') AS completed,
    sumIf(distance_km, event_type = 'trip.completed') / completed AS km,
    {quantile(0.5, duration)} AS p50, {quantile(0.95, duration)} AS p95
FROM daily_trips WHERE bucket >= {since:DateTime} AND bucket < {until:DateTime}
GROUP BY day ORDER BY day
