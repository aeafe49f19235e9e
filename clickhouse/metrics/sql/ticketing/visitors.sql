-- from events_hourly, device_analytics, geographic_metrics, realtime_dashboard
SELECT uniqCombined64Merge(14)(people) AS value
FROM {source}
WHERE event_type IN ('page.viewed', 'event.viewed', 'event.searched', 'checkout.started', 'ticket.purchased')

-- from events
SELECT uniqExact(ifNull(user_id, ifNull(session_id, ''))) AS value
FROM {source}
WHERE event_type IN ('page.viewed', 'event.viewed', 'event.searched', 'checkout.started', 'ticket.purchased')
