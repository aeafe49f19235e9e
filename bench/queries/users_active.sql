-- Daily active users and drivers, and who did what.
SELECT toDate(bucket) AS day, uniqCombined64Merge(14)(users) AS users, uniqCombined64Merge(14)(drivers) AS drivers
FROM daily_users WHERE bucket >= {since:DateTime} AND bucket < {until:DateTime}
GROUP BY day ORDER BY day
