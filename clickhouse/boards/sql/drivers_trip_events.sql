-- Grain: a driver and a currency, from the trips.
SELECT
    driver_id,
    toString(currency) AS in_currency,
    count() AS ended,
    sum(distance_km) AS driven,
    sum(ifNull(rating, 0)) AS stars,
    count(rating) AS rated,
    sum(driver_earnings) AS earned,
    sum(tip) AS tipped
FROM trip_events
WHERE event_type = 'trip.completed' AND driver_id != '' AND $condition
GROUP BY driver_id, in_currency
