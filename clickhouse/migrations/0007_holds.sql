-- Holds: maintenance that creates views, swaps, rebuilds, drops or erases what the stream feeds places one first.
--
-- Workers read it every two seconds, close their shards while any hold is in force, and start none. One line a name
-- remains after merges; the newest is right before them too. The table is tiny: read with FINAL.
CREATE TABLE IF NOT EXISTS {database}.holds
(
    `name` String,
    `reason` String,
    -- 1: in force, 0: released.
    `held` UInt8,
    `at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(at)
ORDER BY name
SETTINGS default_compression_codec = 'ZSTD(1)';
