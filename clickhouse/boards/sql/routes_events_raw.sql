-- Grain: a route, from the events.
SELECT
    ifNull(route_id, '') AS route,
    if(route = '', toString(pickup_zone), '') AS origin,
    if(route = '', toString(dropoff_zone), '') AS target,
    countIf(event_type = 'booking.created') AS booked,
    sumIf(ifNull(seats, 0), event_type = 'booking.created') AS taken,
    countIf(event_type = 'trip.completed') AS ended,
    sumIf(ifNull(seats, 0), event_type = 'route.created') AS offered
FROM events_raw
WHERE event_type IN ('booking.created', 'trip.completed', 'route.created') AND $condition
GROUP BY route, origin, target
