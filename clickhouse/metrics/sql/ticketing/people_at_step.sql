-- from user_funnel
SELECT uniqCombined64Merge(14)(people) AS value
FROM {source}
WHERE event_type IN ('page.viewed', 'event.viewed', 'ticket.selected', 'checkout.started', 'ticket.purchased')

-- from events
SELECT uniqExact(ifNull(user_id, ifNull(session_id, ''))) AS value
FROM {source}
WHERE event_type IN ('page.viewed', 'event.viewed', 'ticket.selected', 'checkout.started', 'ticket.purchased')
