-- Grain: a driver. The mean is rounded, since the order in which parts are added would tell equal ones apart.
SELECT
    driver_id,
    sum(ended) AS trips,
    round(sum(driven), 3) AS km,
    sum(rated) AS ratings,
    if(ratings = 0, NULL, round(sum(stars) / ratings, 6)) AS rating,
    arraySort(groupArrayIf((in_currency, earned, tipped), in_currency != '')) AS money,
    arrayMap(each -> (each.1, each.2), money) AS earnings,
    arrayMap(each -> (each.1, each.3), money) AS tips
FROM ($lines)
GROUP BY driver_id
