-- What one driver earned by day.
SELECT toDate(bucket) AS day, sum(earnings) AS earned, sumIf(events, event_type = 'trip.completed') AS trips
FROM driver_earnings
WHERE driver_id = {driver:String} AND bucket >= {since:DateTime} AND bucket < {until:DateTime}
GROUP BY day ORDER BY day
