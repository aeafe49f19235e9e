-- from popular_routes
SELECT sum(seats) AS value
FROM {source}
WHERE event_type = 'route.created'

-- from route_events, events_raw
SELECT sum(ifNull(seats, 0)) AS value
FROM {source}
WHERE event_type = 'route.created'
