-- Grain: a type of events that there are in the time.
SELECT DISTINCT toString(event_type) AS type
FROM $table
WHERE $in_range AND event_type != {sampled:String} AND event_type NOT IN {left_out:Array(String)}
ORDER BY type
