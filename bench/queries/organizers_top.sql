-- The organizers who sold most.
SELECT organizer_id, currency, sum(amount) AS amount, sum(quantity) AS tickets
FROM organizer_daily_metrics WHERE bucket >= {since:DateTime} AND bucket < {until:DateTime}
GROUP BY organizer_id, currency ORDER BY amount DESC LIMIT 50
