-- from hourly_payments, geographic_metrics
SELECT sum(refund_amount) AS value
FROM {source}
WHERE event_type = 'payment.refunded'

-- from payment_events, events_raw
SELECT sum(refund_amount) AS value
FROM {source}
WHERE event_type = 'payment.refunded'
