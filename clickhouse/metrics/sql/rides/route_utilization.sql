-- Seats asked for on offered routes, of the seats offered in the period.

-- from popular_routes
SELECT sumIf(seats, event_type = 'booking.created') AS numerator,
    sumIf(seats, event_type = 'route.created') AS denominator
FROM {source}
WHERE event_type IN ('booking.created', 'route.created') AND ifNull(route_id, '') != ''

-- from events_raw
SELECT sumIf(ifNull(seats, 0), event_type = 'booking.created') AS numerator,
    sumIf(ifNull(seats, 0), event_type = 'route.created') AS denominator
FROM {source}
WHERE event_type IN ('booking.created', 'route.created') AND ifNull(route_id, '') != ''
