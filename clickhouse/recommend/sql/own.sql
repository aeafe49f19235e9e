-- Grain: a route that the person took, and how many people took it, the person among them.
SELECT cityHash64(origin, target) AS hash, uniqExact(person) AS people
FROM ($lines)
GROUP BY origin, target
HAVING countIf(person = {person:String}) > 0
