-- from revenue_analytics, realtime_dashboard, geographic_metrics, organizer_daily_metrics, event_performance
SELECT sumIf(quantity, event_type = 'ticket.refunded') AS numerator,
    sumIf(quantity, event_type = 'ticket.purchased') AS denominator
FROM {source}
WHERE event_type IN ('ticket.purchased', 'ticket.refunded')

-- from ticket_sales, events
SELECT sumIf(quantity, event_type = 'ticket.refunded') AS numerator,
    sumIf(quantity, event_type = 'ticket.purchased') AS denominator
FROM {source}
WHERE event_type IN ('ticket.purchased', 'ticket.refunded')
