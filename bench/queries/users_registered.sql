-- Registrations by day and channel, and identity checks among them.
SELECT toDate(bucket) AS day, channel, sumIf(events, event_type = 'user.registered') AS registered,
    sumIf(events, event_type = 'user.kyc_verified') AS verified
FROM daily_users WHERE bucket >= {since:DateTime} AND bucket < {until:DateTime}
GROUP BY day, channel ORDER BY day, channel
