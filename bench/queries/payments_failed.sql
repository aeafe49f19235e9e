-- Why payments failed within a day.
SELECT error_code, method, count() AS payments, uniqExact(user_id) AS people
FROM payment_events
WHERE event_type = 'payment.failed' AND occurred_at >= {until:DateTime} - INTERVAL 1 DAY
    AND occurred_at < {until:DateTime}
GROUP BY error_code, method ORDER BY payments DESC
