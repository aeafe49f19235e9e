-- How one organizer did by day.
SELECT toDate(bucket) AS day, currency, sum(quantity) AS tickets, sum(amount) AS amount,
    uniqCombined64Merge(14)(people) AS people
FROM organizer_daily_metrics
WHERE organizer_id = {organizer:String} AND bucket >= {since:DateTime} AND bucket < {until:DateTime}
GROUP BY day, currency ORDER BY day
