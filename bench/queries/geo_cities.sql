-- Visitors and sales by city.
SELECT country, city, uniqCombined64Merge(14)(people) AS people, sum(amount) AS amount
FROM geographic_metrics WHERE domain = 'ticketing' AND bucket >= {since:DateTime} AND bucket < {until:DateTime}
GROUP BY country, city ORDER BY people DESC LIMIT 100
