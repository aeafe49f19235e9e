-- What questions about returning read of an event: whose, when, in which period, which step, and what else is asked.
-- A stamp is one number, with the period in its lowest digits, for numbers are compared and gathered several times as
-- fast as pairs.
WITH
    $person AS person,
    toUnixTimestamp64Milli(occurred_at) AS ms,
    $step AS step,
    $split AS split,
    $period AS period,
    $stamp AS stamp,
    $amount AS amount_of,
    $currency AS currency_of
