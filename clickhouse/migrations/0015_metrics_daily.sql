-- Daily metrics in long form, computed from the rollups for days that have closed (`millrace metrics-daily`).
--
-- One row is (day, domain, metric, dimensions, currency); the day is one of the domain's reporting zone. A ratio keeps its
--   numerator and denominator, so that days can be added up; value is NULL where the denominator is 0. Decimal throughout.
-- ReplacingMergeTree by computed_at: a day that is computed again replaces itself, and rows that it no longer has are
--   deleted; read with FINAL. ORDER BY metric, then day: a chart shows one metric over time.
-- No TTL: some 100 rows a day, and what remains of a day whose raw rows are gone.
CREATE TABLE IF NOT EXISTS {database}.metrics_daily
(
    `day` Date CODEC(Delta(2), ZSTD(1)),
    `domain` LowCardinality(String),
    `metric` LowCardinality(String),
    `dimensions` Map(LowCardinality(String), String),
    `numerator` Decimal(38, 6),
    `denominator` Decimal(38, 6),
    `value` Nullable(Decimal(38, 6)),
    `currency` LowCardinality(String),
    `computed_at` DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(computed_at)
PARTITION BY toYYYYMM(day)
ORDER BY (domain, metric, day, currency, dimensions)
SETTINGS default_compression_codec = 'ZSTD(1)';
