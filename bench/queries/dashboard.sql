-- The last hours in steps of five minutes.
SELECT bucket, event_type, sum(events) AS events, sum(amount) AS amount, uniqCombined64Merge(14)(people) AS people
FROM realtime_dashboard WHERE bucket >= {until:DateTime} - INTERVAL 6 HOUR AND bucket < {until:DateTime}
GROUP BY bucket, event_type ORDER BY bucket
