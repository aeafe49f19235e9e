-- from events_hourly, user_funnel, device_analytics
SELECT sum(events) AS numerator, uniqCombined64Merge(14)(sessions) AS denominator
FROM {source}
WHERE event_type = 'page.viewed'

-- from page_views, events
SELECT count() AS numerator, uniqExactIf(session_id, session_id IS NOT NULL) AS denominator
FROM {source}
WHERE event_type = 'page.viewed'
