-- Bookings, trips and revenue by zone.
SELECT zone, event_type, sum(events) AS events, sum(amount) AS amount
FROM geographic_metrics WHERE domain = 'rides' AND bucket >= {since:DateTime} AND bucket < {until:DateTime}
GROUP BY zone, event_type ORDER BY events DESC LIMIT 200
