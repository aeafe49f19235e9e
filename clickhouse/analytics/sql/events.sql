-- What a question reads of an event: whose, when (milliseconds since 1970), which step, the value to break down by.
-- Named here and grouped by person in the same statement, so that each server of a cluster groups its own rows.
WITH
    $person AS person,
    toUnixTimestamp64Milli(occurred_at) AS ms,
    $step AS step,
    $split AS split
