-- Every trip that one driver has completed.
SELECT occurred_at, trip_id, pickup_zone, dropoff_zone, distance_km, fare, currency
FROM trip_events
WHERE event_type = 'trip.completed' AND driver_id = {driver:String}
    AND occurred_at >= {since:DateTime} AND occurred_at < {until:DateTime}
ORDER BY occurred_at DESC LIMIT 500
