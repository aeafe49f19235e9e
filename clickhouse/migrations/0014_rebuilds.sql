-- What was rebuilt from raw rows, and as of when.
--
-- rebuilds: one line a table and day. A batch whose views may lack rows stands in `repairs`, for good; of a rollup such a day
--   is open until it was rebuilt by a run that began later (`began_at` > `repairs.at`). So nothing has to be crossed out,
--   and nothing is forgotten by a crash. `metrics_daily` is computed again for days that were rebuilt after it.
CREATE TABLE IF NOT EXISTS {database}.rebuilds
(
    `target` LowCardinality(String),
    `day` Date,
    `began_at` DateTime64(3, 'UTC'),
    `at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(began_at)
ORDER BY (target, day)
SETTINGS default_compression_codec = 'ZSTD(1)';
