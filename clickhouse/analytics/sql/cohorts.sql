-- Grain: a period with first starts, a value to break down by, an offset in periods; -1 is all who began there.
-- `began` is the stamp of a person's first start; `done` are (stamp, amount, currency) of what the person did. A person
-- counts where an offset of its comes for the first time. Sums of 0 are left out.
SELECT value, number, offset, sum(persons) AS people, sum(times) AS events, sumMap([currency], [total]) AS sums
FROM
(
    SELECT value, number, offset, currency, countIf(turn = 1) AS persons, count() AS times, sum(amount) AS total
    FROM
    (
        SELECT
            value,
            $period_of_began AS number,
            arrayFilter(d -> d.1 >= began, done) AS own,
            arrayPushFront(arrayMap(d -> $period_of_done - number, own), -1) AS offsets,
            arrayEnumerateUniq(offsets) AS turns,
            arrayPushFront(own.2, toDecimal64(0, 4)) AS amounts,
            arrayPushFront(own.3, '') AS currencies
        FROM
        (
            $events
            SELECT
                person,
                $value AS value,
                minIf(stamp, $is_start) AS began,
                groupArrayIf((stamp, amount_of, currency_of), $is_done) AS done
            FROM $table
            WHERE $condition
            GROUP BY person
            HAVING countIf($is_start) > 0 AND began >= $begin
        )
    )
    ARRAY JOIN offsets AS offset, turns AS turn, amounts AS amount, currencies AS currency
    WHERE offset <= $periods
    GROUP BY value, number, offset, currency
)
GROUP BY value, number, offset
ORDER BY number, value, offset
LIMIT {most:UInt32}
$settings
