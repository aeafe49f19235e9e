-- The pages of one visit, as support looks for them: somewhere within these days.
SELECT occurred_at, url, referrer, duration_ms
FROM page_views
WHERE ifNull(session_id, '') = {session:String} AND occurred_at >= {since:DateTime} AND occurred_at < {until:DateTime}
ORDER BY occurred_at
