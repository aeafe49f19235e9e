-- Users active in the thirty days before the end: states are merged, days are not added up.
SELECT uniqCombined64Merge(14)(users) AS users
FROM daily_users WHERE bucket >= {until:DateTime} - INTERVAL 30 DAY AND bucket < {until:DateTime}
