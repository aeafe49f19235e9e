-- from hourly_payments
SELECT {quantile(0.5, processing)} / 1000 AS value
FROM {source}
WHERE event_type = 'payment.success'

-- from payment_events, events_raw
SELECT quantileExact(0.5)(
        greatest(0, toUnixTimestamp64Milli(occurred_at) - toUnixTimestamp64Milli(initiated_at))
    ) / 1000 AS value
FROM {source}
WHERE event_type = 'payment.success'
