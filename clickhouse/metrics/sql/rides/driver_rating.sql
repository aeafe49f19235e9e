-- from driver_earnings
SELECT sum(rating) AS numerator, sum(ratings) AS denominator
FROM {source}
WHERE event_type = 'trip.completed'

-- from trip_events, events_raw
SELECT sum(ifNull(rating, 0)) AS numerator, count(rating) AS denominator
FROM {source}
WHERE event_type = 'trip.completed'
