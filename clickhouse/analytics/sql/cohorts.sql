-- Grain: a period with first starts, a value to break down by, an offset in periods; -1 is all who began there.
-- `began` is (milliseconds, number of the period) of a person's first start; `done` are (number, milliseconds, amount,
-- currency) of what the person did. Sums of 0 are left out.
SELECT value, number, offset, count() AS people, sum(times) AS events, sumMap(total.1, total.2) AS sums
FROM
(
    SELECT
        person,
        value,
        began.2 AS number,
        event.1 - began.2 AS offset,
        count() AS times,
        sumMap([event.4], [event.3]) AS total
    FROM
    (
        SELECT
            person,
            value,
            began,
            arrayJoin(arrayPushFront(
                arrayFilter(d -> d.2 >= began.1, done),
                (toInt32(began.2 - 1), began.1, toDecimal64(0, 4), '')
            )) AS event
        FROM
        (
            $events
            SELECT
                person,
                $value AS value,
                minIf((ms, period), $is_start) AS began,
                groupArrayIf((period, ms, amount_of, currency_of), $is_done) AS done
            FROM $table
            WHERE $condition
            GROUP BY person
            HAVING countIf($is_start) > 0 AND began.1 >= $begin_ms
        )
    )
    WHERE event.1 - began.2 <= $periods
    GROUP BY person, value, number, offset
)
GROUP BY value, number, offset
ORDER BY number, value, offset
LIMIT {most:UInt32}
