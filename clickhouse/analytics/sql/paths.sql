-- Grain: a path; beside it the people of all paths. An event is (milliseconds, rank in its moment, type, is the anchor).
-- `place` is where a person's first anchor in the time stands.
SELECT events, count() AS people, sum(count()) OVER () AS everybody
FROM
(
    SELECT arraySlice($joined, 1, $depth) AS cut, $told AS events
    FROM
    (
        SELECT arrayMap(e -> e.3, arrayFilter(e -> $near, $side)) AS types
        FROM
        (
            SELECT journey, arrayFirstIndex(e -> $is_first, journey) AS place
            FROM
            (
                WITH
                    $person AS person,
                    toUnixTimestamp64Milli(occurred_at) AS ms,
                    toUInt8($rank) AS rank,
                    toString(event_type) AS type,
                    toUInt8($is_anchor) AS is_anchor
                SELECT arraySort(groupArray((ms, rank, type, is_anchor))) AS journey
                FROM $table
                WHERE $condition
                GROUP BY person
                HAVING countIf(is_anchor = 1 AND $in_time) > 0
            )
        )
    )
)
GROUP BY events
ORDER BY people DESC, events
LIMIT {most:UInt32}
