-- Mean value of confirmed bookings by zone and currency.
SELECT pickup_zone, currency, sum(amount) / sum(amounts) AS mean
FROM hourly_bookings
WHERE event_type = 'booking.confirmed' AND bucket >= {since:DateTime} AND bucket < {until:DateTime}
GROUP BY pickup_zone, currency HAVING sum(amounts) > 0 ORDER BY mean DESC LIMIT 50
