-- Grain: one place on one board. Equal values share a place, and stand in an order that never changes.
SELECT board, $names, value, $figures, place, members, whole
FROM
(
    SELECT *,
        rank() OVER (PARTITION BY board ORDER BY value DESC) AS place,
        count() OVER (PARTITION BY board) AS members,
        sum(value) OVER (PARTITION BY board) AS whole
    FROM
    (
        SELECT *, $board AS board, $value AS value
        FROM ($entities)
        $joined
        WHERE $counts
    )
)
WHERE $kept
ORDER BY board, value DESC, $ties, $names
LIMIT {offset:UInt32}, {most:UInt32} $each
