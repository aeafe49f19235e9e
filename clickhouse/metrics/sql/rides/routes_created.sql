-- from popular_routes
SELECT sum(events) AS value
FROM {source}
WHERE event_type = 'route.created'

-- from route_events, events_raw
SELECT count() AS value
FROM {source}
WHERE event_type = 'route.created'
