-- Erasure of persons: whose events are dropped from now on, and what was erased.
--
-- suppressions: read by every worker, with the holds. A pseudonym is a keyed hash of the id (ERASURE_KEY), so that the
--   list is no list of persons; `key` tells which key made it. Tiny: read with FINAL.
-- erasures: receipts, append-only, kept for ever. A receipt names its person by pseudonym only.
CREATE TABLE IF NOT EXISTS {database}.suppressions
(
    `pseudonym` String,
    -- Empty: of every domain.
    `domain` LowCardinality(String),
    `key` String,
    `erasure` String,
    `at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (pseudonym, domain, key)
SETTINGS default_compression_codec = 'ZSTD(1)';

CREATE TABLE IF NOT EXISTS {database}.erasures
(
    `erasure` String,
    `pseudonym` String,
    `domain` LowCardinality(String),
    `state` LowCardinality(String),
    `receipt` String CODEC(ZSTD(3)),
    `actor` LowCardinality(String),
    `at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (pseudonym, at)
SETTINGS default_compression_codec = 'ZSTD(1)';
