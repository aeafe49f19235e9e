-- Sales, fees and refunds by day and way of payment.
SELECT toDate(bucket) AS day, payment_method, currency, sum(amount) AS amount, sum(fees) AS fees, sum(refund_amount) AS refunds,
    uniqCombined64Merge(14)(orders) AS orders
FROM revenue_analytics WHERE bucket >= {since:DateTime} AND bucket < {until:DateTime}
GROUP BY day, payment_method, currency ORDER BY day
