-- from events_hourly, device_analytics, realtime_dashboard
SELECT uniqCombined64Merge(14)(sessions) AS value
FROM {source}
WHERE event_type IN ('page.viewed', 'event.viewed', 'event.searched', 'checkout.started', 'ticket.purchased')

-- from events
SELECT uniqExactIf(session_id, session_id IS NOT NULL) AS value
FROM {source}
WHERE event_type IN ('page.viewed', 'event.viewed', 'event.searched', 'checkout.started', 'ticket.purchased')
