-- How many people reached each step, by device.
SELECT device_type, event_type, uniqCombined64Merge(14)(people) AS people
FROM user_funnel WHERE bucket >= {since:DateTime} AND bucket < {until:DateTime}
GROUP BY device_type, event_type ORDER BY device_type, people DESC
