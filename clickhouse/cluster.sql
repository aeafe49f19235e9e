-- The schema after all migrations in the form of a cluster, database and cluster named `millrace`.
-- Written by `make docs` from clickhouse/structure.sql and clickhouse/cluster.py.

CREATE DATABASE millrace ON CLUSTER millrace;

CREATE DATABASE millrace_all ON CLUSTER millrace;

CREATE TABLE millrace.booking_events ON CLUSTER millrace
(
    `event_type` LowCardinality(String),
    `event_version` UInt8,
    `source` LowCardinality(String),
    `occurred_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `ingested_at` DateTime64(3, 'UTC'),
    `chain` String,
    `topic` LowCardinality(String),
    `shard` UInt16,
    `offset` UInt64 CODEC(Delta(8), ZSTD(1)),
    `sample_rate` Float64,
    `booking_id` String,
    `user_id` String,
    `route_id` Nullable(String),
    `pickup_latitude` Nullable(Float64),
    `pickup_longitude` Nullable(Float64),
    `pickup_zone` LowCardinality(String),
    `pickup_city` LowCardinality(String),
    `pickup_state` LowCardinality(String),
    `pickup_country` LowCardinality(String),
    `pickup_cell` UInt64,
    `dropoff_latitude` Nullable(Float64),
    `dropoff_longitude` Nullable(Float64),
    `dropoff_zone` LowCardinality(String),
    `dropoff_city` LowCardinality(String),
    `dropoff_state` LowCardinality(String),
    `dropoff_country` LowCardinality(String),
    `dropoff_cell` UInt64,
    `seats` Nullable(UInt8),
    `amount` Nullable(Decimal(18, 4)),
    `currency` LowCardinality(Nullable(String)),
    `driver_id` Nullable(String),
    `created_at` DateTime64(3, 'UTC'),
    `cancelled_by` LowCardinality(String),
    `reason` LowCardinality(String)
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toDate(occurred_at)
ORDER BY (event_type, toStartOfHour(occurred_at), user_id, occurred_at)
TTL toDate(occurred_at) + toIntervalDay(732)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192;

CREATE TABLE millrace.chain_repairs ON CLUSTER millrace
(
    `shard` UInt16,
    `left_chain` String,
    `left_seq` UInt64,
    `left_nonce` String,
    `chain` String,
    `seq` UInt64,
    `nonce` String,
    `intent_offset` UInt64,
    `starts` Map(String, UInt64),
    `lost` Map(String, UInt64),
    `actor` LowCardinality(String),
    `note` String CODEC(ZSTD(3)),
    `at` DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
ORDER BY (shard, chain)
SETTINGS default_compression_codec = 'ZSTD(1)', index_granularity = 8192;

CREATE TABLE millrace.dead_letter_actions ON CLUSTER millrace
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
    `to_topic` LowCardinality(String),
    `to_partition` UInt16,
    `to_offset` UInt64,
    `edited` Bool,
    `value` String CODEC(ZSTD(3)),
    `at` DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}')
ORDER BY (topic, partition, offset, chain, at)
SETTINGS default_compression_codec = 'ZSTD(1)', index_granularity = 8192;

CREATE TABLE millrace.dead_letters ON CLUSTER millrace
(
    `ingested_at` DateTime64(3, 'UTC'),
    `appended_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `chain` String,
    `shard` UInt16,
    `topic` LowCardinality(String),
    `partition` UInt16,
    `offset` UInt64 CODEC(Delta(8), ZSTD(1)),
    `intent` UInt64,
    `nonce` String,
    `intent_offset` UInt64,
    `app_version` LowCardinality(String),
    `reason` LowCardinality(String),
    `field` String,
    `message` String CODEC(ZSTD(3)),
    `event_type` String,
    `event_id` String,
    `source` String,
    `schema_version` UInt8,
    `key` String CODEC(ZSTD(3)),
    `value` String CODEC(ZSTD(3)),
    `headers` Array(Tuple(
        String,
        String)) CODEC(ZSTD(3)),
    `key_is_null` Bool,
    `value_is_null` Bool,
    `null_headers` Array(UInt32),
    INDEX by_ingested_at ingested_at TYPE minmax GRANULARITY 1,
    CONSTRAINT fresh CHECK (ingested_at >= (nowInBlock64(3) - toIntervalMinute(5))) AND (ingested_at <= (nowInBlock64(3) + toIntervalMinute(1)))
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toDate(ingested_at)
ORDER BY (topic, shard, offset)
TTL toDate(ingested_at) + toIntervalDay(732)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192;

CREATE TABLE millrace.delivered ON CLUSTER millrace
(
    `shard` UInt16,
    `chain` String,
    `intent` UInt64,
    `nonce` String,
    `intent_offset` UInt64,
    `relation` LowCardinality(String),
    `at` DateTime64(3, 'UTC')
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', intent)
ORDER BY (shard, relation)
SETTINGS default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192;

CREATE TABLE millrace.events ON CLUSTER millrace
(
    `event_id` String,
    `source` LowCardinality(String),
    `event_type` LowCardinality(String),
    `event_version` UInt8,
    `occurred_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `appended_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `ingested_at` DateTime64(3, 'UTC'),
    `topic` LowCardinality(String),
    `shard` UInt16,
    `offset` UInt64 CODEC(Delta(8), ZSTD(1)),
    `chain` String,
    `intent` UInt64 CODEC(Delta(8), ZSTD(1)),
    `nonce` String,
    `intent_offset` UInt64 CODEC(Delta(8), ZSTD(1)),
    `app_version` LowCardinality(String),
    `sample_rate` Float64,
    `watermark` DateTime64(3, 'UTC'),
    `ticketed_event_id` String,
    `organizer_id` String,
    `title` String,
    `category` LowCardinality(String),
    `venue` String,
    `country` LowCardinality(Nullable(String)),
    `region` LowCardinality(Nullable(String)),
    `city` LowCardinality(Nullable(String)),
    `starts_at` DateTime64(3, 'UTC'),
    `ends_at` DateTime64(3, 'UTC'),
    `time_zone` LowCardinality(String),
    `capacity` UInt32,
    `currency` LowCardinality(String),
    `status` LowCardinality(String),
    `ticket_type_id` String,
    `name` String,
    `price` Decimal(18, 4),
    `on_sale_from` Nullable(DateTime64(3, 'UTC')),
    `on_sale_until` Nullable(DateTime64(3, 'UTC')),
    `plan` LowCardinality(String),
    `joined_at` DateTime64(3, 'UTC'),
    `user_id` Nullable(String),
    `registered_at` DateTime64(3, 'UTC'),
    `marketing_opt_in` Nullable(Bool),
    `session_id` Nullable(String),
    `url` String,
    `referrer` Nullable(String),
    `duration_ms` Nullable(UInt32),
    `query` String,
    `results` UInt32,
    `quantity` UInt32,
    `order_id` String,
    `amount` Decimal(18, 4),
    `line` UInt16,
    `unit_price` Decimal(18, 4),
    `fees` Decimal(18, 4),
    `discount` Decimal(18, 4),
    `payment_method` LowCardinality(String),
    `promo_code` Nullable(String),
    `refund_amount` Decimal(18, 4),
    `reason` LowCardinality(String),
    `purchased_at` DateTime64(3, 'UTC'),
    `ticket_id` String,
    `device_type` LowCardinality(String),
    `browser` LowCardinality(String),
    `os` LowCardinality(String),
    INDEX by_occurred_at occurred_at TYPE minmax GRANULARITY 1,
    INDEX by_ingested_at ingested_at TYPE minmax GRANULARITY 1,
    INDEX by_offset offset TYPE minmax GRANULARITY 1,
    CONSTRAINT fresh CHECK (ingested_at >= (nowInBlock64(3) - toIntervalMinute(5))) AND (ingested_at <= (nowInBlock64(3) + toIntervalMinute(1)))
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toDate(occurred_at)
ORDER BY (ifNull(user_id, ''), ifNull(session_id, ''), occurred_at)
TTL toDate(occurred_at) + toIntervalDay(732)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192;

CREATE TABLE millrace.events_raw ON CLUSTER millrace
(
    `event_id` String,
    `source` LowCardinality(String),
    `event_type` LowCardinality(String),
    `event_version` UInt8,
    `occurred_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `appended_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `ingested_at` DateTime64(3, 'UTC'),
    `topic` LowCardinality(String),
    `shard` UInt16,
    `offset` UInt64 CODEC(Delta(8), ZSTD(1)),
    `chain` String,
    `intent` UInt64 CODEC(Delta(8), ZSTD(1)),
    `nonce` String,
    `intent_offset` UInt64 CODEC(Delta(8), ZSTD(1)),
    `app_version` LowCardinality(String),
    `sample_rate` Float64,
    `watermark` DateTime64(3, 'UTC'),
    `booking_id` String,
    `user_id` String,
    `route_id` Nullable(String),
    `pickup_latitude` Nullable(Float64),
    `pickup_longitude` Nullable(Float64),
    `pickup_zone` LowCardinality(String),
    `pickup_city` LowCardinality(String),
    `pickup_state` LowCardinality(String),
    `pickup_country` LowCardinality(String),
    `pickup_cell` UInt64,
    `dropoff_latitude` Nullable(Float64),
    `dropoff_longitude` Nullable(Float64),
    `dropoff_zone` LowCardinality(String),
    `dropoff_city` LowCardinality(String),
    `dropoff_state` LowCardinality(String),
    `dropoff_country` LowCardinality(String),
    `dropoff_cell` UInt64,
    `seats` Nullable(UInt8),
    `amount` Nullable(Decimal(18, 4)),
    `currency` LowCardinality(Nullable(String)),
    `driver_id` Nullable(String),
    `created_at` DateTime64(3, 'UTC'),
    `cancelled_by` LowCardinality(String),
    `reason` LowCardinality(String),
    `trip_id` Nullable(String),
    `position_latitude` Nullable(Float64) CODEC(Gorilla(8), ZSTD(1)),
    `position_longitude` Nullable(Float64) CODEC(Gorilla(8), ZSTD(1)),
    `position_zone` LowCardinality(String),
    `position_city` LowCardinality(String),
    `position_state` LowCardinality(String),
    `position_country` LowCardinality(String),
    `position_cell` UInt64,
    `speed_kmh` Nullable(Float64),
    `heading` Nullable(Float64),
    `accuracy_m` Nullable(Float64),
    `payment_id` String,
    `method` LowCardinality(String),
    `initiated_at` DateTime64(3, 'UTC'),
    `gateway` LowCardinality(String),
    `error_code` LowCardinality(String),
    `paid_at` DateTime64(3, 'UTC'),
    `refund_amount` Decimal(18, 4),
    `origin_latitude` Nullable(Float64),
    `origin_longitude` Nullable(Float64),
    `origin_zone` LowCardinality(String),
    `origin_city` LowCardinality(String),
    `origin_state` LowCardinality(String),
    `origin_country` LowCardinality(String),
    `origin_cell` UInt64,
    `destination_latitude` Nullable(Float64),
    `destination_longitude` Nullable(Float64),
    `destination_zone` LowCardinality(String),
    `destination_city` LowCardinality(String),
    `destination_state` LowCardinality(String),
    `destination_country` LowCardinality(String),
    `destination_cell` UInt64,
    `departure_at` DateTime64(3, 'UTC'),
    `price` Decimal(18, 4),
    `started_at` Nullable(DateTime64(3, 'UTC')),
    `distance_km` Float64,
    `duration_s` UInt32,
    `fare` Decimal(18, 4),
    `driver_earnings` Decimal(18, 4),
    `tip` Decimal(18, 4),
    `rating` Nullable(Float64),
    `role` LowCardinality(String),
    `city` LowCardinality(String),
    `country` LowCardinality(String),
    `channel` LowCardinality(String),
    `provider` LowCardinality(String),
    `registered_at` Nullable(DateTime64(3, 'UTC')),
    `vehicle_type` LowCardinality(String),
    INDEX by_occurred_at occurred_at TYPE minmax GRANULARITY 1,
    INDEX by_ingested_at ingested_at TYPE minmax GRANULARITY 1,
    INDEX by_offset offset TYPE minmax GRANULARITY 1,
    CONSTRAINT fresh CHECK (ingested_at >= (nowInBlock64(3) - toIntervalMinute(5))) AND (ingested_at <= (nowInBlock64(3) + toIntervalMinute(1)))
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toDate(occurred_at)
ORDER BY (user_id, if(user_id = '', ifNull(driver_id, ''), ''), occurred_at)
TTL toDate(occurred_at) + toIntervalDay(732)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192;

CREATE TABLE millrace.holds ON CLUSTER millrace
(
    `name` String,
    `reason` String,
    `held` UInt8,
    `at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}', at)
ORDER BY name
SETTINGS default_compression_codec = 'ZSTD(1)', index_granularity = 8192;

CREATE TABLE millrace.location_events ON CLUSTER millrace
(
    `event_type` LowCardinality(String),
    `event_version` UInt8,
    `source` LowCardinality(String),
    `occurred_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `ingested_at` DateTime64(3, 'UTC'),
    `chain` String,
    `topic` LowCardinality(String),
    `shard` UInt16,
    `offset` UInt64 CODEC(Delta(8), ZSTD(1)),
    `sample_rate` Float64,
    `driver_id` String,
    `trip_id` Nullable(String),
    `position_latitude` Nullable(Float64) CODEC(Gorilla(8), ZSTD(1)),
    `position_longitude` Nullable(Float64) CODEC(Gorilla(8), ZSTD(1)),
    `position_zone` LowCardinality(String),
    `position_city` LowCardinality(String),
    `position_state` LowCardinality(String),
    `position_country` LowCardinality(String),
    `position_cell` UInt64,
    `speed_kmh` Nullable(Float64),
    `heading` Nullable(Float64),
    `accuracy_m` Nullable(Float64)
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toDate(occurred_at)
ORDER BY (driver_id, occurred_at)
TTL toDate(occurred_at) + toIntervalDay(732)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192;

CREATE TABLE millrace.metrics_realtime ON CLUSTER millrace
(
    `domain` LowCardinality(String),
    `window` LowCardinality(String),
    `starts_at` DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    `ends_at` DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    `key` Array(String),
    `shard` UInt16,
    `revision` UInt64 CODEC(Delta(8), ZSTD(1)),
    `values` Map(LowCardinality(String), Decimal(38, 6)),
    `states` String CODEC(ZSTD(3)),
    `watermark` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `retracted` Bool DEFAULT false,
    `written_at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta(8), ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toDate(starts_at)
ORDER BY (window, starts_at, key, shard, revision)
TTL toDate(starts_at) + toIntervalDay(732)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', index_granularity = 8192;

CREATE VIEW millrace.metrics_realtime_latest ON CLUSTER millrace
(
    `domain` String,
    `window` LowCardinality(String),
    `starts_at` DateTime('UTC'),
    `ends_at` DateTime('UTC'),
    `key` Array(String),
    `shard` UInt16,
    `last_revision` UInt64,
    `values` Map(String, Decimal(38, 6)),
    `states` String,
    `watermark` DateTime64(3, 'UTC')
)
AS SELECT
    any(domain) AS domain,
    window,
    starts_at,
    argMax(ends_at, revision) AS ends_at,
    key,
    shard,
    max(revision) AS last_revision,
    argMax(`values`, revision) AS `values`,
    argMax(states, revision) AS states,
    max(watermark) AS watermark
FROM millrace.metrics_realtime
GROUP BY
    window,
    starts_at,
    key,
    shard
HAVING NOT argMax(retracted, revision);

CREATE TABLE millrace.migrations ON CLUSTER millrace
(
    `migration` String COMMENT 'name of the file; empty for the lock itself',
    `statement` UInt16 COMMENT 'number of the statement in the file, from 1',
    `statements` UInt16 COMMENT 'how many statements the file has',
    `statement_checksum` String COMMENT 'SHA-256 of the statement without comments',
    `file_checksum` String COMMENT 'SHA-256 of the file',
    `state` LowCardinality(String) COMMENT 'started, finished; held, released for the lock',
    `lock` UInt32 COMMENT 'number of the lock under which this was done',
    `owner` String COMMENT 'host/process/random word',
    `at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}')
ORDER BY (migration, statement, at)
SETTINGS index_granularity = 8192
COMMENT 'What was migrated, by whom and when';

CREATE TABLE millrace.page_views ON CLUSTER millrace
(
    `event_type` LowCardinality(String),
    `event_version` UInt8,
    `source` LowCardinality(String),
    `occurred_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `ingested_at` DateTime64(3, 'UTC'),
    `chain` String,
    `topic` LowCardinality(String),
    `shard` UInt16,
    `offset` UInt64 CODEC(Delta(8), ZSTD(1)),
    `sample_rate` Float64,
    `session_id` Nullable(String),
    `user_id` Nullable(String),
    `country` LowCardinality(Nullable(String)),
    `region` LowCardinality(Nullable(String)),
    `city` LowCardinality(Nullable(String)),
    `url` String,
    `referrer` Nullable(String),
    `duration_ms` Nullable(UInt32),
    `device_type` LowCardinality(String),
    `browser` LowCardinality(String),
    `os` LowCardinality(String)
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toDate(occurred_at)
ORDER BY (toStartOfHour(occurred_at), ifNull(session_id, ''), occurred_at)
TTL toDate(occurred_at) + toIntervalDay(732)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192;

CREATE TABLE millrace.payment_events ON CLUSTER millrace
(
    `event_type` LowCardinality(String),
    `event_version` UInt8,
    `source` LowCardinality(String),
    `occurred_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `ingested_at` DateTime64(3, 'UTC'),
    `chain` String,
    `topic` LowCardinality(String),
    `shard` UInt16,
    `offset` UInt64 CODEC(Delta(8), ZSTD(1)),
    `sample_rate` Float64,
    `payment_id` String,
    `booking_id` String,
    `user_id` String,
    `amount` Decimal(18, 4),
    `currency` LowCardinality(String),
    `method` LowCardinality(String),
    `pickup_latitude` Nullable(Float64),
    `pickup_longitude` Nullable(Float64),
    `pickup_zone` LowCardinality(String),
    `pickup_city` LowCardinality(String),
    `pickup_state` LowCardinality(String),
    `pickup_country` LowCardinality(String),
    `pickup_cell` UInt64,
    `initiated_at` DateTime64(3, 'UTC'),
    `gateway` LowCardinality(String),
    `error_code` LowCardinality(String),
    `paid_at` DateTime64(3, 'UTC'),
    `refund_amount` Decimal(18, 4),
    `reason` LowCardinality(String)
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toDate(occurred_at)
ORDER BY (event_type, toStartOfHour(occurred_at), user_id, occurred_at)
TTL toDate(occurred_at) + toIntervalDay(732)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192;

CREATE TABLE millrace.repairs ON CLUSTER millrace
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
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', done)
ORDER BY (shard, relation, day, chain, intent, nonce)
SETTINGS default_compression_codec = 'ZSTD(1)', index_granularity = 8192;

CREATE TABLE millrace.route_events ON CLUSTER millrace
(
    `event_type` LowCardinality(String),
    `event_version` UInt8,
    `source` LowCardinality(String),
    `occurred_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `ingested_at` DateTime64(3, 'UTC'),
    `chain` String,
    `topic` LowCardinality(String),
    `shard` UInt16,
    `offset` UInt64 CODEC(Delta(8), ZSTD(1)),
    `sample_rate` Float64,
    `route_id` String,
    `driver_id` String,
    `origin_latitude` Nullable(Float64),
    `origin_longitude` Nullable(Float64),
    `origin_zone` LowCardinality(String),
    `origin_city` LowCardinality(String),
    `origin_state` LowCardinality(String),
    `origin_country` LowCardinality(String),
    `origin_cell` UInt64,
    `destination_latitude` Nullable(Float64),
    `destination_longitude` Nullable(Float64),
    `destination_zone` LowCardinality(String),
    `destination_city` LowCardinality(String),
    `destination_state` LowCardinality(String),
    `destination_country` LowCardinality(String),
    `destination_cell` UInt64,
    `departure_at` DateTime64(3, 'UTC'),
    `seats` UInt8,
    `price` Decimal(18, 4),
    `currency` LowCardinality(String),
    `reason` LowCardinality(String)
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toDate(occurred_at)
ORDER BY (event_type, toStartOfHour(occurred_at), driver_id, occurred_at)
TTL toDate(occurred_at) + toIntervalDay(732)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192;

CREATE TABLE millrace.ticket_sales ON CLUSTER millrace
(
    `event_type` LowCardinality(String),
    `event_version` UInt8,
    `source` LowCardinality(String),
    `occurred_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `ingested_at` DateTime64(3, 'UTC'),
    `chain` String,
    `topic` LowCardinality(String),
    `shard` UInt16,
    `offset` UInt64 CODEC(Delta(8), ZSTD(1)),
    `sample_rate` Float64,
    `session_id` Nullable(String),
    `user_id` Nullable(String),
    `country` LowCardinality(Nullable(String)),
    `region` LowCardinality(Nullable(String)),
    `city` LowCardinality(Nullable(String)),
    `ticketed_event_id` String,
    `organizer_id` String,
    `order_id` String,
    `line` UInt16,
    `ticket_type_id` String,
    `quantity` UInt32,
    `unit_price` Decimal(18, 4),
    `fees` Decimal(18, 4),
    `discount` Decimal(18, 4),
    `amount` Decimal(18, 4),
    `currency` LowCardinality(String),
    `payment_method` LowCardinality(String),
    `promo_code` Nullable(String),
    `refund_amount` Decimal(18, 4),
    `reason` LowCardinality(String),
    `purchased_at` DateTime64(3, 'UTC'),
    `device_type` LowCardinality(String),
    `browser` LowCardinality(String),
    `os` LowCardinality(String)
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toDate(occurred_at)
ORDER BY (organizer_id, ticketed_event_id, event_type, occurred_at)
TTL toDate(occurred_at) + toIntervalDay(732)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192;

CREATE TABLE millrace.trip_events ON CLUSTER millrace
(
    `event_type` LowCardinality(String),
    `event_version` UInt8,
    `source` LowCardinality(String),
    `occurred_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `ingested_at` DateTime64(3, 'UTC'),
    `chain` String,
    `topic` LowCardinality(String),
    `shard` UInt16,
    `offset` UInt64 CODEC(Delta(8), ZSTD(1)),
    `sample_rate` Float64,
    `trip_id` String,
    `booking_id` String,
    `driver_id` String,
    `user_id` String,
    `route_id` Nullable(String),
    `pickup_latitude` Nullable(Float64),
    `pickup_longitude` Nullable(Float64),
    `pickup_zone` LowCardinality(String),
    `pickup_city` LowCardinality(String),
    `pickup_state` LowCardinality(String),
    `pickup_country` LowCardinality(String),
    `pickup_cell` UInt64,
    `dropoff_latitude` Nullable(Float64),
    `dropoff_longitude` Nullable(Float64),
    `dropoff_zone` LowCardinality(String),
    `dropoff_city` LowCardinality(String),
    `dropoff_state` LowCardinality(String),
    `dropoff_country` LowCardinality(String),
    `dropoff_cell` UInt64,
    `started_at` Nullable(DateTime64(3, 'UTC')),
    `distance_km` Float64,
    `duration_s` UInt32,
    `fare` Decimal(18, 4),
    `driver_earnings` Decimal(18, 4),
    `tip` Decimal(18, 4),
    `currency` LowCardinality(String),
    `rating` Nullable(Float64),
    `cancelled_by` LowCardinality(String),
    `reason` LowCardinality(String)
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toDate(occurred_at)
ORDER BY (event_type, toStartOfHour(occurred_at), driver_id, occurred_at)
TTL toDate(occurred_at) + toIntervalDay(732)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192;

CREATE TABLE millrace.user_events ON CLUSTER millrace
(
    `event_type` LowCardinality(String),
    `event_version` UInt8,
    `source` LowCardinality(String),
    `occurred_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `ingested_at` DateTime64(3, 'UTC'),
    `chain` String,
    `topic` LowCardinality(String),
    `shard` UInt16,
    `offset` UInt64 CODEC(Delta(8), ZSTD(1)),
    `sample_rate` Float64,
    `user_id` String,
    `role` LowCardinality(String),
    `city` LowCardinality(String),
    `country` LowCardinality(String),
    `channel` LowCardinality(String),
    `method` LowCardinality(String),
    `provider` LowCardinality(String),
    `registered_at` Nullable(DateTime64(3, 'UTC')),
    `vehicle_type` LowCardinality(String)
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toDate(occurred_at)
ORDER BY (event_type, toStartOfHour(occurred_at), user_id, occurred_at)
TTL toDate(occurred_at) + toIntervalDay(732)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192;

CREATE MATERIALIZED VIEW millrace.booking_events_mv ON CLUSTER millrace TO millrace.booking_events
(
    `event_type` LowCardinality(String),
    `event_version` UInt8,
    `source` LowCardinality(String),
    `occurred_at` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `chain` String,
    `topic` LowCardinality(String),
    `shard` UInt16,
    `offset` UInt64,
    `sample_rate` Float64,
    `booking_id` String,
    `user_id` String,
    `route_id` Nullable(String),
    `pickup_latitude` Nullable(Float64),
    `pickup_longitude` Nullable(Float64),
    `pickup_zone` LowCardinality(String),
    `pickup_city` LowCardinality(String),
    `pickup_state` LowCardinality(String),
    `pickup_country` LowCardinality(String),
    `pickup_cell` UInt64,
    `dropoff_latitude` Nullable(Float64),
    `dropoff_longitude` Nullable(Float64),
    `dropoff_zone` LowCardinality(String),
    `dropoff_city` LowCardinality(String),
    `dropoff_state` LowCardinality(String),
    `dropoff_country` LowCardinality(String),
    `dropoff_cell` UInt64,
    `seats` Nullable(UInt8),
    `amount` Nullable(Decimal(18, 4)),
    `currency` LowCardinality(Nullable(String)),
    `driver_id` Nullable(String),
    `created_at` DateTime64(3, 'UTC'),
    `cancelled_by` LowCardinality(String),
    `reason` LowCardinality(String)
)
AS SELECT
    event_type,
    event_version,
    source,
    occurred_at,
    ingested_at,
    chain,
    topic,
    shard,
    offset,
    sample_rate,
    booking_id,
    user_id,
    route_id,
    pickup_latitude,
    pickup_longitude,
    pickup_zone,
    pickup_city,
    pickup_state,
    pickup_country,
    pickup_cell,
    dropoff_latitude,
    dropoff_longitude,
    dropoff_zone,
    dropoff_city,
    dropoff_state,
    dropoff_country,
    dropoff_cell,
    seats,
    amount,
    currency,
    driver_id,
    created_at,
    cancelled_by,
    reason
FROM millrace.events_raw
WHERE event_type IN ('booking.created', 'booking.confirmed', 'booking.cancelled', 'booking.completed');

CREATE MATERIALIZED VIEW millrace.delivered_dead_letters_mv ON CLUSTER millrace TO millrace.delivered
(
    `shard` UInt16,
    `chain` String,
    `intent` UInt64,
    `nonce` String,
    `intent_offset` UInt64,
    `relation` String,
    `at` DateTime64(3, 'UTC')
)
AS SELECT
    block.shard AS shard,
    argMax(block.chain, block.intent) AS chain,
    max(block.intent) AS intent,
    argMax(block.nonce, block.intent) AS nonce,
    argMax(block.intent_offset, block.intent) AS intent_offset,
    'dead_letters' AS relation,
    now64(3, 'UTC') AS at
FROM millrace.dead_letters AS block
GROUP BY block.shard;

CREATE MATERIALIZED VIEW millrace.delivered_events_mv ON CLUSTER millrace TO millrace.delivered
(
    `shard` UInt16,
    `chain` String,
    `intent` UInt64,
    `nonce` String,
    `intent_offset` UInt64,
    `relation` String,
    `at` DateTime64(3, 'UTC')
)
AS SELECT
    block.shard AS shard,
    argMax(block.chain, block.intent) AS chain,
    max(block.intent) AS intent,
    argMax(block.nonce, block.intent) AS nonce,
    argMax(block.intent_offset, block.intent) AS intent_offset,
    'events' AS relation,
    now64(3, 'UTC') AS at
FROM millrace.events AS block
GROUP BY block.shard;

CREATE MATERIALIZED VIEW millrace.delivered_events_raw_mv ON CLUSTER millrace TO millrace.delivered
(
    `shard` UInt16,
    `chain` String,
    `intent` UInt64,
    `nonce` String,
    `intent_offset` UInt64,
    `relation` String,
    `at` DateTime64(3, 'UTC')
)
AS SELECT
    block.shard AS shard,
    argMax(block.chain, block.intent) AS chain,
    max(block.intent) AS intent,
    argMax(block.nonce, block.intent) AS nonce,
    argMax(block.intent_offset, block.intent) AS intent_offset,
    'events_raw' AS relation,
    now64(3, 'UTC') AS at
FROM millrace.events_raw AS block
GROUP BY block.shard;

CREATE MATERIALIZED VIEW millrace.location_events_mv ON CLUSTER millrace TO millrace.location_events
(
    `event_type` LowCardinality(String),
    `event_version` UInt8,
    `source` LowCardinality(String),
    `occurred_at` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `chain` String,
    `topic` LowCardinality(String),
    `shard` UInt16,
    `offset` UInt64,
    `sample_rate` Float64,
    `driver_id` String,
    `trip_id` Nullable(String),
    `position_latitude` Nullable(Float64),
    `position_longitude` Nullable(Float64),
    `position_zone` LowCardinality(String),
    `position_city` LowCardinality(String),
    `position_state` LowCardinality(String),
    `position_country` LowCardinality(String),
    `position_cell` UInt64,
    `speed_kmh` Nullable(Float64),
    `heading` Nullable(Float64),
    `accuracy_m` Nullable(Float64)
)
AS SELECT
    event_type,
    event_version,
    source,
    occurred_at,
    ingested_at,
    chain,
    topic,
    shard,
    offset,
    sample_rate,
    ifNull(driver_id, '') AS driver_id,
    trip_id,
    position_latitude,
    position_longitude,
    position_zone,
    position_city,
    position_state,
    position_country,
    position_cell,
    speed_kmh,
    heading,
    accuracy_m
FROM millrace.events_raw
WHERE event_type IN ('driver.location.updated');

CREATE MATERIALIZED VIEW millrace.page_views_mv ON CLUSTER millrace TO millrace.page_views
(
    `event_type` LowCardinality(String),
    `event_version` UInt8,
    `source` LowCardinality(String),
    `occurred_at` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `chain` String,
    `topic` LowCardinality(String),
    `shard` UInt16,
    `offset` UInt64,
    `sample_rate` Float64,
    `session_id` Nullable(String),
    `user_id` Nullable(String),
    `country` LowCardinality(Nullable(String)),
    `region` LowCardinality(Nullable(String)),
    `city` LowCardinality(Nullable(String)),
    `url` String,
    `referrer` Nullable(String),
    `duration_ms` Nullable(UInt32),
    `device_type` LowCardinality(String),
    `browser` LowCardinality(String),
    `os` LowCardinality(String)
)
AS SELECT
    event_type,
    event_version,
    source,
    occurred_at,
    ingested_at,
    chain,
    topic,
    shard,
    offset,
    sample_rate,
    session_id,
    user_id,
    country,
    region,
    city,
    url,
    referrer,
    duration_ms,
    device_type,
    browser,
    os
FROM millrace.events
WHERE event_type IN ('page.viewed');

CREATE MATERIALIZED VIEW millrace.payment_events_mv ON CLUSTER millrace TO millrace.payment_events
(
    `event_type` LowCardinality(String),
    `event_version` UInt8,
    `source` LowCardinality(String),
    `occurred_at` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `chain` String,
    `topic` LowCardinality(String),
    `shard` UInt16,
    `offset` UInt64,
    `sample_rate` Float64,
    `payment_id` String,
    `booking_id` String,
    `user_id` String,
    `amount` Decimal(18, 4),
    `currency` LowCardinality(String),
    `method` LowCardinality(String),
    `pickup_latitude` Nullable(Float64),
    `pickup_longitude` Nullable(Float64),
    `pickup_zone` LowCardinality(String),
    `pickup_city` LowCardinality(String),
    `pickup_state` LowCardinality(String),
    `pickup_country` LowCardinality(String),
    `pickup_cell` UInt64,
    `initiated_at` DateTime64(3, 'UTC'),
    `gateway` LowCardinality(String),
    `error_code` LowCardinality(String),
    `paid_at` DateTime64(3, 'UTC'),
    `refund_amount` Decimal(18, 4),
    `reason` LowCardinality(String)
)
AS SELECT
    event_type,
    event_version,
    source,
    occurred_at,
    ingested_at,
    chain,
    topic,
    shard,
    offset,
    sample_rate,
    payment_id,
    booking_id,
    user_id,
    ifNull(amount, defaultValueOfTypeName('Decimal(18, 4)')) AS amount,
    ifNull(currency, '') AS currency,
    method,
    pickup_latitude,
    pickup_longitude,
    pickup_zone,
    pickup_city,
    pickup_state,
    pickup_country,
    pickup_cell,
    initiated_at,
    gateway,
    error_code,
    paid_at,
    refund_amount,
    reason
FROM millrace.events_raw
WHERE event_type IN ('payment.initiated', 'payment.success', 'payment.failed', 'payment.refunded');

CREATE MATERIALIZED VIEW millrace.route_events_mv ON CLUSTER millrace TO millrace.route_events
(
    `event_type` LowCardinality(String),
    `event_version` UInt8,
    `source` LowCardinality(String),
    `occurred_at` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `chain` String,
    `topic` LowCardinality(String),
    `shard` UInt16,
    `offset` UInt64,
    `sample_rate` Float64,
    `route_id` String,
    `driver_id` String,
    `origin_latitude` Nullable(Float64),
    `origin_longitude` Nullable(Float64),
    `origin_zone` LowCardinality(String),
    `origin_city` LowCardinality(String),
    `origin_state` LowCardinality(String),
    `origin_country` LowCardinality(String),
    `origin_cell` UInt64,
    `destination_latitude` Nullable(Float64),
    `destination_longitude` Nullable(Float64),
    `destination_zone` LowCardinality(String),
    `destination_city` LowCardinality(String),
    `destination_state` LowCardinality(String),
    `destination_country` LowCardinality(String),
    `destination_cell` UInt64,
    `departure_at` DateTime64(3, 'UTC'),
    `seats` UInt8,
    `price` Decimal(18, 4),
    `currency` LowCardinality(String),
    `reason` LowCardinality(String)
)
AS SELECT
    event_type,
    event_version,
    source,
    occurred_at,
    ingested_at,
    chain,
    topic,
    shard,
    offset,
    sample_rate,
    ifNull(route_id, '') AS route_id,
    ifNull(driver_id, '') AS driver_id,
    origin_latitude,
    origin_longitude,
    origin_zone,
    origin_city,
    origin_state,
    origin_country,
    origin_cell,
    destination_latitude,
    destination_longitude,
    destination_zone,
    destination_city,
    destination_state,
    destination_country,
    destination_cell,
    departure_at,
    ifNull(seats, defaultValueOfTypeName('UInt8')) AS seats,
    price,
    ifNull(currency, '') AS currency,
    reason
FROM millrace.events_raw
WHERE event_type IN ('route.created', 'route.activated', 'route.cancelled', 'route.updated');

CREATE MATERIALIZED VIEW millrace.ticket_sales_mv ON CLUSTER millrace TO millrace.ticket_sales
(
    `event_type` LowCardinality(String),
    `event_version` UInt8,
    `source` LowCardinality(String),
    `occurred_at` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `chain` String,
    `topic` LowCardinality(String),
    `shard` UInt16,
    `offset` UInt64,
    `sample_rate` Float64,
    `session_id` Nullable(String),
    `user_id` Nullable(String),
    `country` LowCardinality(Nullable(String)),
    `region` LowCardinality(Nullable(String)),
    `city` LowCardinality(Nullable(String)),
    `ticketed_event_id` String,
    `organizer_id` String,
    `order_id` String,
    `line` UInt16,
    `ticket_type_id` String,
    `quantity` UInt32,
    `unit_price` Decimal(18, 4),
    `fees` Decimal(18, 4),
    `discount` Decimal(18, 4),
    `amount` Decimal(18, 4),
    `currency` LowCardinality(String),
    `payment_method` LowCardinality(String),
    `promo_code` Nullable(String),
    `refund_amount` Decimal(18, 4),
    `reason` LowCardinality(String),
    `purchased_at` DateTime64(3, 'UTC'),
    `device_type` LowCardinality(String),
    `browser` LowCardinality(String),
    `os` LowCardinality(String)
)
AS SELECT
    event_type,
    event_version,
    source,
    occurred_at,
    ingested_at,
    chain,
    topic,
    shard,
    offset,
    sample_rate,
    session_id,
    user_id,
    country,
    region,
    city,
    ticketed_event_id,
    organizer_id,
    order_id,
    line,
    ticket_type_id,
    quantity,
    unit_price,
    fees,
    discount,
    amount,
    currency,
    payment_method,
    promo_code,
    refund_amount,
    reason,
    purchased_at,
    device_type,
    browser,
    os
FROM millrace.events
WHERE event_type IN ('ticket.purchased', 'ticket.refunded');

CREATE MATERIALIZED VIEW millrace.trip_events_mv ON CLUSTER millrace TO millrace.trip_events
(
    `event_type` LowCardinality(String),
    `event_version` UInt8,
    `source` LowCardinality(String),
    `occurred_at` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `chain` String,
    `topic` LowCardinality(String),
    `shard` UInt16,
    `offset` UInt64,
    `sample_rate` Float64,
    `trip_id` String,
    `booking_id` String,
    `driver_id` String,
    `user_id` String,
    `route_id` Nullable(String),
    `pickup_latitude` Nullable(Float64),
    `pickup_longitude` Nullable(Float64),
    `pickup_zone` LowCardinality(String),
    `pickup_city` LowCardinality(String),
    `pickup_state` LowCardinality(String),
    `pickup_country` LowCardinality(String),
    `pickup_cell` UInt64,
    `dropoff_latitude` Nullable(Float64),
    `dropoff_longitude` Nullable(Float64),
    `dropoff_zone` LowCardinality(String),
    `dropoff_city` LowCardinality(String),
    `dropoff_state` LowCardinality(String),
    `dropoff_country` LowCardinality(String),
    `dropoff_cell` UInt64,
    `started_at` Nullable(DateTime64(3, 'UTC')),
    `distance_km` Float64,
    `duration_s` UInt32,
    `fare` Decimal(18, 4),
    `driver_earnings` Decimal(18, 4),
    `tip` Decimal(18, 4),
    `currency` LowCardinality(String),
    `rating` Nullable(Float64),
    `cancelled_by` LowCardinality(String),
    `reason` LowCardinality(String)
)
AS SELECT
    event_type,
    event_version,
    source,
    occurred_at,
    ingested_at,
    chain,
    topic,
    shard,
    offset,
    sample_rate,
    ifNull(trip_id, '') AS trip_id,
    booking_id,
    ifNull(driver_id, '') AS driver_id,
    user_id,
    route_id,
    pickup_latitude,
    pickup_longitude,
    pickup_zone,
    pickup_city,
    pickup_state,
    pickup_country,
    pickup_cell,
    dropoff_latitude,
    dropoff_longitude,
    dropoff_zone,
    dropoff_city,
    dropoff_state,
    dropoff_country,
    dropoff_cell,
    started_at,
    distance_km,
    duration_s,
    fare,
    driver_earnings,
    tip,
    ifNull(currency, '') AS currency,
    rating,
    cancelled_by,
    reason
FROM millrace.events_raw
WHERE event_type IN ('trip.started', 'trip.completed', 'trip.cancelled');

CREATE MATERIALIZED VIEW millrace.user_events_mv ON CLUSTER millrace TO millrace.user_events
(
    `event_type` LowCardinality(String),
    `event_version` UInt8,
    `source` LowCardinality(String),
    `occurred_at` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `chain` String,
    `topic` LowCardinality(String),
    `shard` UInt16,
    `offset` UInt64,
    `sample_rate` Float64,
    `user_id` String,
    `role` LowCardinality(String),
    `city` LowCardinality(String),
    `country` LowCardinality(String),
    `channel` LowCardinality(String),
    `method` LowCardinality(String),
    `provider` LowCardinality(String),
    `registered_at` Nullable(DateTime64(3, 'UTC')),
    `vehicle_type` LowCardinality(String)
)
AS SELECT
    event_type,
    event_version,
    source,
    occurred_at,
    ingested_at,
    chain,
    topic,
    shard,
    offset,
    sample_rate,
    user_id,
    role,
    city,
    country,
    channel,
    method,
    provider,
    registered_at,
    vehicle_type
FROM millrace.events_raw
WHERE event_type IN ('user.registered', 'user.kyc_verified', 'user.upgraded_to_driver');

CREATE OR REPLACE TABLE millrace_all.booking_events ON CLUSTER millrace AS millrace.booking_events ENGINE = Distributed('millrace', 'millrace', 'booking_events', shard);

CREATE OR REPLACE TABLE millrace_all.chain_repairs ON CLUSTER millrace AS millrace.chain_repairs ENGINE = Distributed('millrace', 'millrace', 'chain_repairs', shard);

CREATE OR REPLACE TABLE millrace_all.dead_letter_actions ON CLUSTER millrace ENGINE = Alias('millrace', 'dead_letter_actions');

CREATE OR REPLACE TABLE millrace_all.dead_letters ON CLUSTER millrace AS millrace.dead_letters ENGINE = Distributed('millrace', 'millrace', 'dead_letters', shard);

CREATE OR REPLACE TABLE millrace_all.delivered ON CLUSTER millrace AS millrace.delivered ENGINE = Distributed('millrace', 'millrace', 'delivered', shard);

CREATE OR REPLACE TABLE millrace_all.events ON CLUSTER millrace AS millrace.events ENGINE = Distributed('millrace', 'millrace', 'events', shard);

CREATE OR REPLACE TABLE millrace_all.events_raw ON CLUSTER millrace AS millrace.events_raw ENGINE = Distributed('millrace', 'millrace', 'events_raw', shard);

CREATE OR REPLACE TABLE millrace_all.holds ON CLUSTER millrace ENGINE = Alias('millrace', 'holds');

CREATE OR REPLACE TABLE millrace_all.location_events ON CLUSTER millrace AS millrace.location_events ENGINE = Distributed('millrace', 'millrace', 'location_events', shard);

CREATE OR REPLACE TABLE millrace_all.metrics_realtime ON CLUSTER millrace AS millrace.metrics_realtime ENGINE = Distributed('millrace', 'millrace', 'metrics_realtime', shard);

CREATE OR REPLACE TABLE millrace_all.migrations ON CLUSTER millrace ENGINE = Alias('millrace', 'migrations');

CREATE OR REPLACE TABLE millrace_all.page_views ON CLUSTER millrace AS millrace.page_views ENGINE = Distributed('millrace', 'millrace', 'page_views', shard);

CREATE OR REPLACE TABLE millrace_all.payment_events ON CLUSTER millrace AS millrace.payment_events ENGINE = Distributed('millrace', 'millrace', 'payment_events', shard);

CREATE OR REPLACE TABLE millrace_all.repairs ON CLUSTER millrace AS millrace.repairs ENGINE = Distributed('millrace', 'millrace', 'repairs', shard);

CREATE OR REPLACE TABLE millrace_all.route_events ON CLUSTER millrace AS millrace.route_events ENGINE = Distributed('millrace', 'millrace', 'route_events', shard);

CREATE OR REPLACE TABLE millrace_all.ticket_sales ON CLUSTER millrace AS millrace.ticket_sales ENGINE = Distributed('millrace', 'millrace', 'ticket_sales', shard);

CREATE OR REPLACE TABLE millrace_all.trip_events ON CLUSTER millrace AS millrace.trip_events ENGINE = Distributed('millrace', 'millrace', 'trip_events', shard);

CREATE OR REPLACE TABLE millrace_all.user_events ON CLUSTER millrace AS millrace.user_events ENGINE = Distributed('millrace', 'millrace', 'user_events', shard);

CREATE OR REPLACE VIEW millrace_all.metrics_realtime_latest ON CLUSTER millrace AS SELECT
    any(domain) AS domain,
    window,
    starts_at,
    argMax(ends_at, revision) AS ends_at,
    key,
    shard,
    max(revision) AS last_revision,
    argMax(`values`, revision) AS `values`,
    argMax(states, revision) AS states,
    max(watermark) AS watermark
FROM millrace_all.metrics_realtime
GROUP BY
    window,
    starts_at,
    key,
    shard
HAVING NOT argMax(retracted, revision);
