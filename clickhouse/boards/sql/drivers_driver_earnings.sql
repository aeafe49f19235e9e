-- Grain: a driver and a currency, from the rollup.
SELECT
    driver_id,
    toString(currency) AS in_currency,
    sum(events) AS ended,
    sum(distance_km) AS driven,
    sum(rating) AS stars,
    sum(ratings) AS rated,
    sum(earnings) AS earned,
    sum(tip) AS tipped
FROM driver_earnings
WHERE event_type = 'trip.completed' AND driver_id != '' AND $condition
GROUP BY driver_id, in_currency
