-- Grain: a period that people belong to, a value to break down by, an offset in periods; -1 is all who belong there.
-- A cohort is the stamp of the first start in it.
SELECT value, number, offset, count() AS people
FROM
(
    SELECT value, $period_of_cohort AS number, arrayJoin($offsets) AS offset
    FROM
    (
        SELECT value, backs, arrayJoin(cohorts) AS cohort
        FROM
        (
            $events
            SELECT person, $value AS value, $cohorts AS cohorts, groupArrayIf(stamp, $is_back) AS backs
            FROM $table
            WHERE $condition
            GROUP BY person
            HAVING countIf($is_start) > 0
        )
    )
)
GROUP BY value, number, offset
ORDER BY number, value, offset
LIMIT {most:UInt32}
$settings
