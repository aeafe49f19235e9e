-- A driver is a user, so both ids are merged into one set: the states of each first, which costs half of joining them row by row.

-- from daily_users
SELECT finalizeAggregation(uniqCombined64MergeState(14)(users) + uniqCombined64MergeState(14)(drivers)) AS value
FROM {source}
WHERE 1

-- from events_raw
SELECT uniqExactIf(arrayJoin([user_id, ifNull(driver_id, '')]) AS person, person != '') AS value
FROM {source}
WHERE event_type NOT IN ('driver.location.updated')
