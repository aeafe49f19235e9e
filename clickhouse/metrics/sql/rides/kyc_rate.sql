-- By the time of registration, which the verification carries; who was verified twice counts once.

-- from user_events, events_raw by registered
SELECT uniqExactIf(user_id, event_type = 'user.kyc_verified') AS numerator,
    uniqExactIf(user_id, event_type = 'user.registered') AS denominator
FROM {source}
WHERE event_type IN ('user.registered', 'user.kyc_verified')
