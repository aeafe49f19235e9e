-- Views, selections and sales of one ticketed event by hour.
SELECT toStartOfHour(bucket) AS hour, event_type, sum(events) AS events, sum(amount) AS amount
FROM event_performance
WHERE ticketed_event_id = {ticketed_event:String} AND bucket >= {since:DateTime} AND bucket < {until:DateTime}
GROUP BY hour, event_type ORDER BY hour
