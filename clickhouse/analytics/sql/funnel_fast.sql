-- Grain: a person who came to the first step, and how far.
-- windowFunnel takes events of one moment as they come; here their order is that of the steps, which brings a person
-- furthest, and the window ends behind the last of its last moment.
$events
SELECT person, $value AS value, windowFunnel($window)(toUInt64(ms * $room + step), $conditions) AS level
FROM $table
WHERE $condition
GROUP BY person
HAVING level > 0
