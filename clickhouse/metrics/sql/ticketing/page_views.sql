-- from events_hourly, user_funnel, device_analytics, geographic_metrics
SELECT sum(events) AS value
FROM {source}
WHERE event_type = 'page.viewed'

-- from page_views, events
SELECT count() AS value
FROM {source}
WHERE event_type = 'page.viewed'
