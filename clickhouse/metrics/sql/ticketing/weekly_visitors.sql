-- The states of the days are merged: days are never added up.

-- from events_hourly, device_analytics, geographic_metrics per day: uniqCombined64MergeState(14)(people) AS seen
SELECT uniqCombined64Merge(14)(seen) AS value
FROM {source}
WHERE event_type IN ('page.viewed', 'event.viewed', 'event.searched', 'checkout.started', 'ticket.purchased')

-- from events per day: uniqExactState(ifNull(user_id, ifNull(session_id, ''))) AS seen
SELECT uniqExactMerge(seen) AS value
FROM {source}
WHERE event_type IN ('page.viewed', 'event.viewed', 'event.searched', 'checkout.started', 'ticket.purchased')
