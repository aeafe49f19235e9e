-- from daily_users
SELECT sum(events) AS value
FROM {source}
WHERE event_type = 'user.registered'

-- from user_events, events_raw
SELECT count() AS value
FROM {source}
WHERE event_type = 'user.registered'
