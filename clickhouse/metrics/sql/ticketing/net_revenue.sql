-- Sale and refund each in its own period.

-- from revenue_analytics, realtime_dashboard, geographic_metrics, organizer_daily_metrics, event_performance
SELECT sumIf(amount, event_type = 'ticket.purchased') - sumIf(refund_amount, event_type = 'ticket.refunded') AS value
FROM {source}
WHERE event_type IN ('ticket.purchased', 'ticket.refunded')

-- from ticket_sales, events
SELECT sumIf(amount, event_type = 'ticket.purchased') - sumIf(refund_amount, event_type = 'ticket.refunded') AS value
FROM {source}
WHERE event_type IN ('ticket.purchased', 'ticket.refunded')
