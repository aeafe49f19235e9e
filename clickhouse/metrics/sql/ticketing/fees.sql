-- from revenue_analytics, organizer_daily_metrics, event_performance
SELECT sum(fees) AS value
FROM {source}
WHERE event_type = 'ticket.purchased'

-- from ticket_sales, events
SELECT sum(fees) AS value
FROM {source}
WHERE event_type = 'ticket.purchased'
