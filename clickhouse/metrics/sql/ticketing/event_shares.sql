-- from events_hourly, organizer_daily_metrics, event_performance
SELECT sum(events) AS value
FROM {source}
WHERE event_type = 'event.shared'

-- from events
SELECT count() AS value
FROM {source}
WHERE event_type = 'event.shared'
