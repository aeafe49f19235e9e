-- The events of a question: whose, when (milliseconds since 1970), which step, and the value to break down by.
SELECT
    $person AS person,
    toUnixTimestamp64Milli(occurred_at) AS ms,
    $step AS step,
    $split AS split
FROM $table
WHERE $condition
