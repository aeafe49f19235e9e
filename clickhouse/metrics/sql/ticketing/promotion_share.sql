-- from revenue_analytics
SELECT sumIf(quantity, promoted) AS numerator, sum(quantity) AS denominator
FROM {source}
WHERE event_type = 'ticket.purchased'

-- from ticket_sales, events
SELECT sumIf(quantity, promo_code IS NOT NULL) AS numerator, sum(quantity) AS denominator
FROM {source}
WHERE event_type = 'ticket.purchased'
