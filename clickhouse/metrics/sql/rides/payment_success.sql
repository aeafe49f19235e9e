-- from hourly_payments
SELECT sumIf(events, event_type = 'payment.success') AS numerator, sum(events) AS denominator
FROM {source}
WHERE event_type IN ('payment.success', 'payment.failed')

-- from payment_events, events_raw
SELECT countIf(event_type = 'payment.success') AS numerator, count() AS denominator
FROM {source}
WHERE event_type IN ('payment.success', 'payment.failed')
