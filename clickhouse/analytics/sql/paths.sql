-- Grain: a path; beside it the people of all paths. An event is one number: its milliseconds, its rank in its moment, and
-- the place of its type in `types`, which lie in the order of the alphabet. `place` is where a person's first anchor in
-- the time stands.
SELECT path, count() AS people, sum(count()) OVER () AS everybody
FROM
(
    SELECT arraySlice($joined, 1, $depth) AS cut, $told AS path
    FROM
    (
        SELECT arrayMap(e -> toUInt16(e % $ranks), arrayFilter(e -> $near, $side)) AS places
        FROM
        (
            SELECT journey, arrayFirstIndex(e -> $is_first, journey) AS place
            FROM
            (
                WITH
                    $person AS person,
                    toUnixTimestamp64Milli(occurred_at) AS ms,
                    toUInt8($is_anchor) AS is_anchor,
                    transform(toString(event_type), {types:Array(String)}, range({count:UInt16}), 0) AS type
                SELECT arraySort(groupArray(ms * $room + $rank * $ranks + type)) AS journey
                FROM $table
                WHERE $condition
                GROUP BY person
                HAVING countIf(is_anchor = 1 AND $in_time) > 0
            )
        )
    )
)
GROUP BY path
ORDER BY people DESC, path
LIMIT {most:UInt32}
$settings
