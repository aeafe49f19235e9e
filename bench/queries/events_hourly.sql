-- Events of each type by hour.
SELECT toStartOfHour(bucket) AS hour, domain, event_type, sum(events) AS events
FROM events_hourly WHERE bucket >= {since:DateTime} AND bucket < {until:DateTime}
GROUP BY hour, domain, event_type ORDER BY hour
