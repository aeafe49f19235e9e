-- Grain: a route, by its id, else by its two zones; what has neither is no route. Few routes were offered: the ratio is
-- of those that have an id.
SELECT
    route AS route_id,
    toString(origin) AS from_zone,
    toString(target) AS to_zone,
    booked AS bookings,
    taken AS seats,
    ended AS trips,
    offered AS seats_offered,
    if(seats_offered = 0, NULL, seats / seats_offered) AS utilization
FROM ($lines)
WHERE route != '' OR (origin != '' AND target != '')
