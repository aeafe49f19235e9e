-- Grain: a person who came to the first step, how far, and in `state` what the fold knows of each step.
SELECT person, value, arrayFold((s, e) -> $next, arrayPushBack(journey, $last), $begin) AS state, $level AS level
FROM
(
    $events
    SELECT person, $value AS value, arraySort(groupArray((ms, step))) AS journey
    FROM $table
    WHERE $condition
    GROUP BY person
    HAVING countIf($entered) > 0
)
WHERE level > 0
