-- How earnings spread over drivers.
SELECT quantiles(0.1, 0.25, 0.5, 0.75, 0.9)(earned) AS spread FROM (
    SELECT driver_id, toFloat64(sum(earnings)) AS earned
    FROM driver_earnings WHERE bucket >= {since:DateTime} AND bucket < {until:DateTime} GROUP BY driver_id
)
