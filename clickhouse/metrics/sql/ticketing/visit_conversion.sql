-- from events_hourly, user_funnel, device_analytics, geographic_metrics, realtime_dashboard
SELECT uniqCombined64MergeIf(14)(people, event_type = 'ticket.purchased') AS numerator,
    uniqCombined64MergeIf(14)(people, event_type = 'page.viewed') AS denominator
FROM {source}
WHERE event_type IN ('page.viewed', 'ticket.purchased')

-- from events
SELECT uniqExactIf(ifNull(user_id, ifNull(session_id, '')), event_type = 'ticket.purchased') AS numerator,
    uniqExactIf(ifNull(user_id, ifNull(session_id, '')), event_type = 'page.viewed') AS denominator
FROM {source}
WHERE event_type IN ('page.viewed', 'ticket.purchased')
