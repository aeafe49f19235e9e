-- from revenue_analytics, realtime_dashboard, organizer_daily_metrics, event_performance
SELECT uniqCombined64Merge(14)(orders) AS value
FROM {source}
WHERE event_type = 'ticket.purchased'

-- from ticket_sales, events
SELECT uniqExact(order_id) AS value
FROM {source}
WHERE event_type = 'ticket.purchased'
