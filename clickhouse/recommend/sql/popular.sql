-- Grain: a route, those first that most people took.
SELECT origin, target, cityHash64(origin, target) AS hash, uniqExact(person) AS people
FROM ($lines)
GROUP BY origin, target
ORDER BY people DESC, origin, target
