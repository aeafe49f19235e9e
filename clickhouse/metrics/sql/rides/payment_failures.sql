-- from hourly_payments
SELECT sum(events) AS value
FROM {source}
WHERE event_type = 'payment.failed'

-- from payment_events, events_raw
SELECT count() AS value
FROM {source}
WHERE event_type = 'payment.failed'
