-- from revenue_analytics, realtime_dashboard, geographic_metrics, organizer_daily_metrics, event_performance
SELECT sum(quantity) AS value
FROM {source}
WHERE event_type = 'ticket.refunded'

-- from ticket_sales, events
SELECT sum(quantity) AS value
FROM {source}
WHERE event_type = 'ticket.refunded'
