-- from events_hourly, user_funnel, device_analytics, geographic_metrics, realtime_dashboard, organizer_daily_metrics, event_performance
SELECT uniqCombined64Merge(14)(people) AS value
FROM {source}
WHERE event_type = 'ticket.purchased'

-- from ticket_sales, events
SELECT uniqExact(ifNull(user_id, ifNull(session_id, ''))) AS value
FROM {source}
WHERE event_type = 'ticket.purchased'
