-- Success and refund each in its own period.

-- from hourly_payments, geographic_metrics
SELECT sumIf(amount, event_type = 'payment.success') - sumIf(refund_amount, event_type = 'payment.refunded') AS value
FROM {source}
WHERE event_type IN ('payment.success', 'payment.refunded')

-- from payment_events, events_raw
SELECT sumIf(ifNull(amount, 0), event_type = 'payment.success') - sumIf(refund_amount, event_type = 'payment.refunded') AS value
FROM {source}
WHERE event_type IN ('payment.success', 'payment.refunded')
