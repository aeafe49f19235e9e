-- from revenue_analytics, organizer_daily_metrics, event_performance
SELECT sum(discount) AS value
FROM {source}
WHERE event_type = 'ticket.purchased'

-- from ticket_sales, events
SELECT sum(discount) AS value
FROM {source}
WHERE event_type = 'ticket.purchased'
