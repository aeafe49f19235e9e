-- from events_hourly, device_analytics, geographic_metrics
SELECT sum(events) AS value
FROM {source}
WHERE event_type = 'event.searched'

-- from events
SELECT count() AS value
FROM {source}
WHERE event_type = 'event.searched'
