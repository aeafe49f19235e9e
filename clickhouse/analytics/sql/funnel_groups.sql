-- Grain: a value of the dimension that is broken down by.
SELECT value, $measures
FROM ($people)
GROUP BY value
ORDER BY people_1 DESC, value
LIMIT {most:UInt32}
$settings
