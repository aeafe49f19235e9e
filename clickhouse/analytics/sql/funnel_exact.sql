-- Grain: a person who came to the first step, how far, and in `state` the shortest time to each step.
SELECT person, value, arrayFold((s, e) -> $next, arrayPushBack(journey, $last), $begin) AS state, $level AS level
FROM
(
    SELECT person, $value AS value, arraySort(groupArray((ms, step))) AS journey
    FROM ($events)
    GROUP BY person
    HAVING countIf($entered) > 0
)
WHERE level > 0
