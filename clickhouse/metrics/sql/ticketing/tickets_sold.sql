-- from revenue_analytics, realtime_dashboard, geographic_metrics, device_analytics, organizer_daily_metrics, event_performance
SELECT sum(quantity) AS value
FROM {source}
WHERE event_type = 'ticket.purchased'

-- from ticket_sales, events
SELECT sum(quantity) AS value
FROM {source}
WHERE event_type = 'ticket.purchased'
