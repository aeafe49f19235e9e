-- Grain: a route, from the rollup.
SELECT
    route_id AS route,
    pickup_zone AS origin,
    dropoff_zone AS target,
    sumIf(events, event_type = 'booking.created') AS booked,
    sumIf(seats, event_type = 'booking.created') AS taken,
    sumIf(events, event_type = 'trip.completed') AS ended,
    sumIf(seats, event_type = 'route.created') AS offered
FROM popular_routes
WHERE event_type IN ('booking.created', 'trip.completed', 'route.created') AND $condition
GROUP BY route, origin, target
