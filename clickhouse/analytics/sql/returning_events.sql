-- The same for questions about returning: also in which period, and what else is asked of the event.
WITH
    $person AS person,
    toUnixTimestamp64Milli(occurred_at) AS ms,
    $period AS period,
    $step AS step,
    $split AS split,
    $amount AS amount_of,
    $currency AS currency_of
