-- Grain: a period that people belong to, a value to break down by, an offset in periods; -1 is all who belong there.
-- Persons are counted by their marks, in order of time, and only then taken apart by period: most of them came on the
-- same few days, so what follows goes over a small part of them. A number is that of a period with a start.
SELECT value, number, offset, sum(persons) AS people
FROM
(
    SELECT value, number, persons, arrayJoin($offsets) AS offset
    FROM
    (
        SELECT value, marks, persons, arrayJoin($cohorts) AS number
        FROM
        (
            SELECT value, $marks AS marks, count() AS persons
            FROM
            (
                $events
                SELECT person, $value AS value, groupArrayIf(stamp, $is_marked) AS stamps
                FROM $table
                WHERE $condition
                GROUP BY person
                HAVING $has_started
            )
            GROUP BY value, marks
        )
    )
)
GROUP BY value, number, offset
ORDER BY number, value, offset
LIMIT {most:UInt32}
$settings
