-- The events of a question about returning: whose, when, in which period, which step, and what else is asked of them.
SELECT
    $person AS person,
    toUnixTimestamp64Milli(occurred_at) AS ms,
    $period AS period,
    $step AS step,
    $split AS split,
    $amount AS amount,
    $currency AS currency
FROM $table
WHERE $condition
