-- from events_hourly, user_funnel, device_analytics, geographic_metrics, organizer_daily_metrics, event_performance
SELECT sum(events) AS value
FROM {source}
WHERE event_type = 'checkout.started'

-- from events
SELECT count() AS value
FROM {source}
WHERE event_type = 'checkout.started'
