-- What people did by command, append-only: the audit of `millrace dlq` and of `millrace intents repair`.
--
-- dead_letter_actions: a line before a replay is sent (begun) and one after (done, failed); a discard has one line
--   (done). The state of a dead letter is that of its newest action which has not failed; a replay with no line after
--   it may or may not have been sent, and is shown as uncertain. `action` is the call of the command, one for all
--   letters that it touched. `value` holds the bytes sent only where a person edited them.
-- chain_repairs: where a chain that `intents repair` began starts in every topic; a later repair counts from there.
-- No TTL: a letter whose action was forgotten would look open again, and both tables stay small.
CREATE TABLE IF NOT EXISTS {database}.dead_letter_actions
(
    `topic` LowCardinality(String),
    `partition` UInt16,
    `offset` UInt64 CODEC(Delta(8), ZSTD(1)),
    `chain` String,
    `action` String,
    `kind` LowCardinality(String),
    `phase` LowCardinality(String),
    `attempt` UInt16,
    `actor` LowCardinality(String),
    `note` String CODEC(ZSTD(3)),
    -- Where the replayed record stands in Kafka.
    `to_topic` LowCardinality(String),
    `to_partition` UInt16,
    `to_offset` UInt64,
    `edited` Bool,
    `value` String CODEC(ZSTD(3)),
    `at` DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')
)
ENGINE = MergeTree
ORDER BY (topic, partition, offset, chain, at)
SETTINGS default_compression_codec = 'ZSTD(1)';

CREATE TABLE IF NOT EXISTS {database}.chain_repairs
(
    `shard` UInt16,
    -- The chain that was left, and its last record that was known.
    `left_chain` String,
    `left_seq` UInt64,
    `left_nonce` String,
    -- The record that begins the new chain.
    `chain` String,
    `seq` UInt64,
    `nonce` String,
    `intent_offset` UInt64,
    `starts` Map(String, UInt64),
    -- Offsets per topic that no batch has taken and that the topic no longer holds.
    `lost` Map(String, UInt64),
    `actor` LowCardinality(String),
    `note` String CODEC(ZSTD(3)),
    `at` DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')
)
ENGINE = MergeTree
ORDER BY (shard, chain)
SETTINGS default_compression_codec = 'ZSTD(1)';
