-- Grain: an event in which a person took a route: from a zone to a zone, or a city where no zone is known.
SELECT
    $person AS person,
    occurred_at AS at,
    if(pickup_zone != '', toString(pickup_zone), toString(pickup_city)) AS origin,
    if(dropoff_zone != '', toString(dropoff_zone), toString(dropoff_city)) AS target
FROM $table
WHERE event_type = '$event_type'
    AND occurred_at >= {begin:DateTime64(3, 'UTC')} AND occurred_at < {end:DateTime64(3, 'UTC')}
    AND person != '' AND origin != '' AND target != ''
