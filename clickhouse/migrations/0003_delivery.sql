-- What the delivery itself keeps in ClickHouse.
--
-- delivered: the newest batch of every shard and table, the witness that a recovery begins with. The views fill it
--   in the insert that brings the rows, so it can neither be forgotten nor run ahead. A batch without rows writes
--   its line itself (relation = 'none'). One line a shard and relation remains after merges; the highest intent is
--   right before them too. A new chain continues above the highest seq, so intents of a shard only grow.
-- dead_letters: what was refused, with the original bytes. The partition is the day of ingestion, which all rows of
--   a batch share: an insert makes one part. Sorted by position in Kafka, which is how a batch is recounted; ZSTD(3)
--   for the texts, which are read one at a time.
-- repairs: days of a raw table whose view targets may lack rows of a batch, since it was superseded with an unknown
--   outcome. A line with done = 1 replaces the one with 0; read with FINAL, the table is tiny.
-- The deduplication window of each table that the stream feeds is that of 0001; a view's target without one would
-- take a batch again that its source has dropped.
CREATE TABLE IF NOT EXISTS {database}.delivered
(
    `shard` UInt16,
    `chain` String,
    `intent` UInt64,
    `nonce` String,
    `intent_offset` UInt64,
    `relation` LowCardinality(String),
    `at` DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(intent)
ORDER BY (shard, relation)
SETTINGS default_compression_codec = 'ZSTD(1)',
    non_replicated_deduplication_window = 30000,
    replicated_deduplication_window = 30000,
    replicated_deduplication_window_seconds = 3600;

CREATE TABLE IF NOT EXISTS {database}.dead_letters
(
    `ingested_at` DateTime64(3, 'UTC'),
    `appended_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `chain` String,
    `shard` UInt16,
    `topic` LowCardinality(String),
    -- The partition in Kafka; the same number as the shard.
    `partition` UInt16,
    `offset` UInt64 CODEC(Delta(8), ZSTD(1)),
    `intent` UInt64,
    `nonce` String,
    `intent_offset` UInt64,
    `app_version` LowCardinality(String),
    `reason` LowCardinality(String),
    -- Path of the field that was refused; empty where the whole message was.
    `field` String,
    `message` String CODEC(ZSTD(3)),
    -- As far as they could be read; any text may stand here, so not LowCardinality.
    `event_type` String,
    `event_id` String,
    `source` String,
    `schema_version` UInt8,
    -- The record as it was, byte for byte.
    `key` String CODEC(ZSTD(3)),
    `value` String CODEC(ZSTD(3)),
    `headers` Array(Tuple(String, String)) CODEC(ZSTD(3)),
    INDEX by_ingested_at ingested_at TYPE minmax GRANULARITY 1,
    CONSTRAINT fresh CHECK ingested_at BETWEEN nowInBlock64(3) - INTERVAL 5 MINUTE AND nowInBlock64(3) + INTERVAL 1 MINUTE
)
ENGINE = MergeTree
PARTITION BY toDate(ingested_at)
ORDER BY (topic, shard, offset)
TTL toDate(ingested_at) + INTERVAL 732 DAY
SETTINGS ttl_only_drop_parts = 1,
    default_compression_codec = 'ZSTD(1)',
    non_replicated_deduplication_window = 30000,
    replicated_deduplication_window = 30000,
    replicated_deduplication_window_seconds = 3600;

CREATE TABLE IF NOT EXISTS {database}.repairs
(
    `shard` UInt16,
    `chain` String,
    `intent` UInt64,
    `nonce` String,
    `relation` LowCardinality(String),
    `day` Date,
    `done` UInt8,
    `at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(done)
ORDER BY (shard, relation, day, chain, intent, nonce)
SETTINGS default_compression_codec = 'ZSTD(1)';

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.delivered_events_raw_mv TO {database}.delivered AS
SELECT
    block.shard AS shard,
    argMax(block.chain, block.intent) AS chain,
    max(block.intent) AS intent,
    argMax(block.nonce, block.intent) AS nonce,
    argMax(block.intent_offset, block.intent) AS intent_offset,
    'events_raw' AS relation,
    now64(3, 'UTC') AS at
FROM {database}.events_raw AS block
GROUP BY block.shard;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.delivered_events_mv TO {database}.delivered AS
SELECT
    block.shard AS shard,
    argMax(block.chain, block.intent) AS chain,
    max(block.intent) AS intent,
    argMax(block.nonce, block.intent) AS nonce,
    argMax(block.intent_offset, block.intent) AS intent_offset,
    'events' AS relation,
    now64(3, 'UTC') AS at
FROM {database}.events AS block
GROUP BY block.shard;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.delivered_dead_letters_mv TO {database}.delivered AS
SELECT
    block.shard AS shard,
    argMax(block.chain, block.intent) AS chain,
    max(block.intent) AS intent,
    argMax(block.nonce, block.intent) AS nonce,
    argMax(block.intent_offset, block.intent) AS intent_offset,
    'dead_letters' AS relation,
    now64(3, 'UTC') AS at
FROM {database}.dead_letters AS block
GROUP BY block.shard;
