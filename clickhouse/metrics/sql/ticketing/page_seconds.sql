-- Of the page views that say how long they lasted.

-- from device_analytics
SELECT sum(duration_ms) AS numerator, 1000 * sum(durations) AS denominator
FROM {source}
WHERE event_type = 'page.viewed'

-- from page_views, events
SELECT sum(ifNull(duration_ms, 0)) AS numerator, 1000 * count(duration_ms) AS denominator
FROM {source}
WHERE event_type = 'page.viewed'
