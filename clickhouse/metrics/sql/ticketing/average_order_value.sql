-- from revenue_analytics, realtime_dashboard, organizer_daily_metrics, event_performance
SELECT sum(amount) AS numerator, uniqCombined64Merge(14)(orders) AS denominator
FROM {source}
WHERE event_type = 'ticket.purchased'

-- from ticket_sales, events
SELECT sum(amount) AS numerator, uniqExact(order_id) AS denominator
FROM {source}
WHERE event_type = 'ticket.purchased'
