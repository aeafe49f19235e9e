-- Grain: a route, those first that most people took.
SELECT origin, target
FROM ($lines)
GROUP BY origin, target
ORDER BY uniqExact(person) DESC, origin, target
LIMIT {most:UInt32}
