-- Closed windows of the stream, as the workers counted them.
--
-- metrics_realtime: one logical row is (window, starts_at, key, shard, revision). The revision is the seq of the intent
--   that changed the window last, so a late event makes a new row beside the old one (a correction is kept), and a row
--   that is written again is the same row: the engine removes it, and a reader that takes the newest revision never
--   sees it. Numbers of several shards are put together from `states`, for distinct counts cannot be added up.
--   No constraint `fresh` and no token: nothing depends on when, or how often, a row is written.
-- PARTITION BY day of the window, ORDER BY window and time: a chart reads one window over a range.
-- metrics_realtime_latest: the newest revision of each, which is what a reader wants.
CREATE TABLE IF NOT EXISTS {database}.metrics_realtime
(
    `domain` LowCardinality(String),
    `window` LowCardinality(String),
    `starts_at` DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    `ends_at` DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    -- Values of the window's key columns, in their order; empty for totals.
    `key` Array(String),
    `shard` UInt16,
    `revision` UInt64 CODEC(Delta(8), ZSTD(1)),
    -- What a person is shown, by measure: `created`, `revenue.USD`, `duration_s.p95`.
    `values` Map(LowCardinality(String), Decimal(38, 6)),
    -- The same as states that can be put together, a JSON array in the order of the measures (docs/realtime.md).
    `states` String CODEC(ZSTD(3)),
    `watermark` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `written_at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta(8), ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(starts_at)
ORDER BY (window, starts_at, key, shard, revision)
TTL toDate(starts_at) + INTERVAL 732 DAY
SETTINGS ttl_only_drop_parts = 1,
    default_compression_codec = 'ZSTD(1)';

CREATE VIEW IF NOT EXISTS {database}.metrics_realtime_latest AS
SELECT
    any(domain) AS domain,
    window,
    starts_at,
    any(ends_at) AS ends_at,
    key,
    shard,
    max(revision) AS last_revision,
    argMax(values, revision) AS values,
    argMax(states, revision) AS states,
    max(watermark) AS watermark
FROM {database}.metrics_realtime
GROUP BY window, starts_at, key, shard;
