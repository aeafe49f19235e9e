-- Where one driver was within an hour.
SELECT occurred_at, position_latitude, position_longitude, speed_kmh
FROM location_events
WHERE driver_id = {driver:String} AND occurred_at >= {until:DateTime} - INTERVAL 1 HOUR AND occurred_at < {until:DateTime}
ORDER BY occurred_at
