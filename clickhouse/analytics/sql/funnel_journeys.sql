-- Grain: a person who may have come to the first step. A journey is an array of numbers in order of time, as passes.py
-- says: numbers are gathered and sorted several times as fast as pairs.
$events
SELECT person, $value AS value, arraySort(groupArray(ms * $room + step)) AS journey
FROM $table
WHERE $condition
GROUP BY person
HAVING countIf($entered) > 0
