-- from revenue_analytics, realtime_dashboard, geographic_metrics, organizer_daily_metrics, event_performance
SELECT sum(amount) AS value
FROM {source}
WHERE event_type = 'ticket.purchased'

-- from ticket_sales, events
SELECT sum(amount) AS value
FROM {source}
WHERE event_type = 'ticket.purchased'
