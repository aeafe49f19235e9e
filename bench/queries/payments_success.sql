-- Success rate and processing time of payments by gateway.
SELECT gateway, sumIf(events, event_type = 'payment.success') AS succeeded,
    succeeded / sumIf(events, event_type IN ('payment.success', 'payment.failed')) AS rate,
    {quantile(0.5, processing)} AS p50, {quantile(0.95, processing)} AS p95
FROM hourly_payments WHERE bucket >= {since:DateTime} AND bucket < {until:DateTime}
GROUP BY gateway ORDER BY gateway
