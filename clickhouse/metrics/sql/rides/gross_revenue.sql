-- from hourly_payments, geographic_metrics
SELECT sum(amount) AS value
FROM {source}
WHERE event_type = 'payment.success'

-- from payment_events, events_raw
SELECT sum(ifNull(amount, 0)) AS value
FROM {source}
WHERE event_type = 'payment.success'
