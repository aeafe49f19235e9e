-- Grain: a person who took enough routes before the cut, and new ones after it. The order picks people at random, and
-- always the same ones.
SELECT person, known, arrayFilter(route -> NOT has(known, route), later) AS new
FROM
(
    SELECT
        person,
        groupUniqArrayIf((origin, target), at < {cut:DateTime64(3, 'UTC')}) AS known,
        groupUniqArrayIf((origin, target), at >= {cut:DateTime64(3, 'UTC')}) AS later
    FROM ($lines)
    GROUP BY person
)
WHERE length(known) >= {least:UInt32} AND notEmpty(new)
ORDER BY cityHash64(person), person
LIMIT {most:UInt32}
