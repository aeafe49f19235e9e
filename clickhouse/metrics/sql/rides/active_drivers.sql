-- from daily_users
SELECT uniqCombined64Merge(14)(drivers) AS value
FROM {source}
WHERE 1

-- from events_raw
SELECT uniqExactIf(driver_id, ifNull(driver_id, '') != '') AS value
FROM {source}
WHERE event_type NOT IN ('driver.location.updated')
