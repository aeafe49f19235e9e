-- All that one person did, from the raw rows.
SELECT occurred_at, event_type, pickup_zone, amount
FROM events_raw
WHERE user_id = {user:String} AND occurred_at >= {since:DateTime} AND occurred_at < {until:DateTime}
ORDER BY occurred_at DESC LIMIT 500
