-- Retention: what was done, what must not be touched, and whose turn it is.
--
-- retention_log: one line for each thing that moved, changed or went, and for each hold: append-only, kept for ever. A
--   day whose rows were archived and dropped, or brought back, is known by its newest line.
-- legal_holds: rows that may neither be dropped nor erased. One line a name remains after merges; the newest is right
--   before them too. Tiny: read with FINAL.
-- retention_locks: the log of the lock under which archive, restore and erasure run one at a time (clickhouse/lock.py).
CREATE TABLE IF NOT EXISTS {database}.retention_log
(
    `at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
    -- One call of a command.
    `run` String,
    `actor` LowCardinality(String),
    `action` LowCardinality(String),
    `relation` LowCardinality(String),
    -- Partition as ClickHouse shows it; empty for a whole table.
    `partition` String,
    `rows` UInt64,
    `bytes` UInt64,
    -- Of the rows, whatever their order; see clickhouse/archive/rowhash.py.
    `hash` String,
    `detail` String CODEC(ZSTD(3))
)
ENGINE = MergeTree
ORDER BY (relation, partition, at)
SETTINGS default_compression_codec = 'ZSTD(1)';

CREATE TABLE IF NOT EXISTS {database}.legal_holds
(
    `name` String,
    -- Empty: every table.
    `relation` String,
    `first_day` Date32,
    `last_day` Date32,
    -- Empty: every domain.
    `domain` String,
    -- A user_id or driver_id; empty: everybody.
    `person` String,
    `reason` String,
    `actor` String,
    -- 1: in force, 0: released.
    `held` UInt8,
    `at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(at)
ORDER BY name
SETTINGS default_compression_codec = 'ZSTD(1)';

CREATE TABLE IF NOT EXISTS {database}.retention_locks
(
    `state` LowCardinality(String),
    `lock` UInt32,
    `owner` String,
    `at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (lock, at)
SETTINGS default_compression_codec = 'ZSTD(1)';
