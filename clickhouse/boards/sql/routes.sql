-- Grain: a route, by its id, else by its two zones; what has neither is no route. Few routes were offered: the ratio is
-- of those that have an id.
SELECT
    route AS route_id,
    origin AS from_zone,
    target AS to_zone,
    sum(booked) AS bookings,
    sum(taken) AS seats,
    sum(ended) AS trips,
    sum(offered) AS seats_offered,
    if(seats_offered = 0, NULL, seats / seats_offered) AS utilization
FROM ($lines)
WHERE route != '' OR (origin != '' AND target != '')
GROUP BY route, origin, target
