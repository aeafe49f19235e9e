-- The most booked routes.
SELECT route_id, pickup_zone, dropoff_zone, sum(events) AS bookings
FROM popular_routes
WHERE event_type = 'booking.created' AND bucket >= {since:DateTime} AND bucket < {until:DateTime}
GROUP BY route_id, pickup_zone, dropoff_zone ORDER BY bookings DESC LIMIT 50
