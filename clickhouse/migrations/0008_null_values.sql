-- A record of Kafka may have no key, no value (a tombstone) and headers without a value: another thing than empty ones,
-- and a replay has to send what was there. Rows from before, and those of a worker of an earlier version, say that
-- nothing was null.
ALTER TABLE {database}.dead_letters
    ADD COLUMN IF NOT EXISTS `key_is_null` Bool AFTER `headers`,
    ADD COLUMN IF NOT EXISTS `value_is_null` Bool AFTER `key_is_null`,
    -- Positions in `headers`, from 0.
    ADD COLUMN IF NOT EXISTS `null_headers` Array(UInt32) AFTER `value_is_null`;
