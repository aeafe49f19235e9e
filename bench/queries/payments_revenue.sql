-- Revenue less refunds by day and currency.
SELECT toDate(bucket) AS day, currency, sumIf(amount, event_type = 'payment.success') AS gross,
    gross - sumIf(refund_amount, event_type = 'payment.refunded') AS net
FROM hourly_payments WHERE bucket >= {since:DateTime} AND bucket < {until:DateTime}
GROUP BY day, currency ORDER BY day, currency
