-- A driver is a user, so both ids are merged into one set.

-- from daily_users
SELECT uniqCombined64Merge(14)(arrayJoin([users, drivers])) AS value
FROM {source}
WHERE 1

-- from events_raw
SELECT uniqExactIf(arrayJoin([user_id, ifNull(driver_id, '')]) AS person, person != '') AS value
FROM {source}
WHERE event_type NOT IN ('driver.location.updated')
