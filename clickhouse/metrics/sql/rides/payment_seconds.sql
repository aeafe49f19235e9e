-- from hourly_payments
SELECT sum(processing_ms) AS numerator, 1000 * sum(events) AS denominator
FROM {source}
WHERE event_type = 'payment.success'

-- from payment_events, events_raw
SELECT sum(greatest(0, toUnixTimestamp64Milli(occurred_at) - toUnixTimestamp64Milli(initiated_at))) AS numerator,
    1000 * count() AS denominator
FROM {source}
WHERE event_type = 'payment.success'
