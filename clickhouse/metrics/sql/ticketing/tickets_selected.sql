-- from events_hourly, user_funnel, device_analytics, organizer_daily_metrics, event_performance
SELECT sum(events) AS value
FROM {source}
WHERE event_type = 'ticket.selected'

-- from events
SELECT count() AS value
FROM {source}
WHERE event_type = 'ticket.selected'
