-- The states of the days are merged: days are never added up.

-- from daily_users per day: uniqCombined64MergeState(14)(users) + uniqCombined64MergeState(14)(drivers) AS people
SELECT uniqCombined64Merge(14)(people) AS value
FROM {source}
WHERE 1

-- from events_raw per day: uniqExactStateIf(arrayJoin([user_id, ifNull(driver_id, '')]) AS person, person != '') AS people
SELECT uniqExactMerge(people) AS value
FROM {source}
WHERE event_type NOT IN ('driver.location.updated')
