-- Grain: a route that the person did not take, and how near it is to those that the person took: the sum, over these, of
-- the cosine of the two sets of people. `weight` is what another person brings to each of theirs. The score is rounded,
-- since the order in which floats are added would tell equal ones apart.
SELECT
    route.2 AS origin,
    route.3 AS target,
    count() AS people,
    countIf(weight > 0) AS support,
    round(sum(weight) / sqrt(people), 9) AS score
FROM
(
    SELECT
        groupUniqArray((cityHash64(origin, target), origin, target)) AS routes,
        arraySum(each -> transform(each.1, {own:Array(UInt64)}, {weights:Array(Float64)}, toFloat64(0)), routes) AS weight
    FROM ($lines)
    WHERE person != {person:String}
    GROUP BY person
)
ARRAY JOIN routes AS route
WHERE NOT has({own:Array(UInt64)}, route.1)
GROUP BY origin, target
HAVING support >= {support:UInt32}
ORDER BY score DESC, support DESC, origin, target
LIMIT {most:UInt32}
