-- The drivers who earned most.
SELECT driver_id, currency, sum(earnings) AS earned, sumIf(events, event_type = 'trip.completed') AS trips,
    sum(rating) / sum(ratings) AS stars
FROM driver_earnings WHERE bucket >= {since:DateTime} AND bucket < {until:DateTime}
GROUP BY driver_id, currency ORDER BY earned DESC LIMIT 100
