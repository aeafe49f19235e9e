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
TTL toDate(occurred_at) + toIntervalDay(90) TO VOLUME 'cold', toDate(occurred_at) + toIntervalDay(732)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192, storage_policy = 'hot_cold';

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

CREATE TABLE millrace.daily_trips ON CLUSTER millrace
(
    `bucket` DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    `started_bucket` DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    `event_type` LowCardinality(String),
    `pickup_city` LowCardinality(String),
    `pickup_zone` LowCardinality(String),
    `cancelled_by` LowCardinality(String),
    `currency` LowCardinality(String),
    `events` SimpleAggregateFunction(sum, UInt64),
    `distance_km` SimpleAggregateFunction(sum, Float64),
    `duration_s` SimpleAggregateFunction(sum, UInt64),
    `fare` SimpleAggregateFunction(sum, Decimal(38, 4)),
    `tip` SimpleAggregateFunction(sum, Decimal(38, 4)),
    `earnings` SimpleAggregateFunction(sum, Decimal(38, 4)),
    `rating` SimpleAggregateFunction(sum, Float64),
    `ratings` SimpleAggregateFunction(sum, UInt64),
    `duration` SimpleAggregateFunction(sumMap, Map(UInt32, UInt64))
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toYYYYMM(bucket)
ORDER BY (bucket, currency, event_type, pickup_city, pickup_zone, cancelled_by, started_bucket)
TTL toDate(bucket) + toIntervalDay(730) TO VOLUME 'cold', toDate(bucket) + toIntervalDay(3652)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192, storage_policy = 'hot_cold';

CREATE TABLE millrace.daily_users ON CLUSTER millrace
(
    `bucket` DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    `event_type` LowCardinality(String),
    `country` LowCardinality(String),
    `city` LowCardinality(String),
    `channel` LowCardinality(String),
    `events` SimpleAggregateFunction(sum, UInt64),
    `users` AggregateFunction(uniqCombined64(14), UInt64),
    `drivers` AggregateFunction(uniqCombined64(14), UInt64)
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toYYYYMM(bucket)
ORDER BY (bucket, country, city, channel, event_type)
TTL toDate(bucket) + toIntervalDay(730) TO VOLUME 'cold', toDate(bucket) + toIntervalDay(3652)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192, storage_policy = 'hot_cold';

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
TTL toDate(ingested_at) + toIntervalDay(90) TO VOLUME 'cold', toDate(ingested_at) + toIntervalDay(367)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192, storage_policy = 'hot_cold';

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

CREATE TABLE millrace.device_analytics ON CLUSTER millrace
(
    `bucket` DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    `device_type` LowCardinality(String),
    `os` LowCardinality(String),
    `browser` LowCardinality(String),
    `event_type` LowCardinality(String),
    `events` SimpleAggregateFunction(sum, UInt64),
    `quantity` SimpleAggregateFunction(sum, UInt64),
    `duration_ms` SimpleAggregateFunction(sum, UInt64),
    `durations` SimpleAggregateFunction(sum, UInt64),
    `people` AggregateFunction(uniqCombined64(14), UInt64),
    `sessions` AggregateFunction(uniqCombined64(14), UInt64)
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toYYYYMM(bucket)
ORDER BY (bucket, device_type, os, browser, event_type)
TTL toDate(bucket) + toIntervalDay(730) TO VOLUME 'cold', toDate(bucket) + toIntervalDay(3652)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192, storage_policy = 'hot_cold';

CREATE TABLE millrace.driver_earnings ON CLUSTER millrace
(
    `bucket` DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    `driver_id` String,
    `event_type` LowCardinality(String),
    `cancelled_by` LowCardinality(String),
    `currency` LowCardinality(String),
    `events` SimpleAggregateFunction(sum, UInt64),
    `distance_km` SimpleAggregateFunction(sum, Float64),
    `duration_s` SimpleAggregateFunction(sum, UInt64),
    `fare` SimpleAggregateFunction(sum, Decimal(38, 4)),
    `tip` SimpleAggregateFunction(sum, Decimal(38, 4)),
    `earnings` SimpleAggregateFunction(sum, Decimal(38, 4)),
    `rating` SimpleAggregateFunction(sum, Float64),
    `ratings` SimpleAggregateFunction(sum, UInt64)
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toYYYYMM(bucket)
ORDER BY (driver_id, currency, event_type, cancelled_by, bucket)
TTL toDate(bucket) + toIntervalDay(730) TO VOLUME 'cold', toDate(bucket) + toIntervalDay(3652)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192, storage_policy = 'hot_cold';

CREATE TABLE millrace.erasures ON CLUSTER millrace
(
    `erasure` String,
    `pseudonym` String,
    `domain` LowCardinality(String),
    `state` LowCardinality(String),
    `receipt` String CODEC(ZSTD(3)),
    `actor` LowCardinality(String),
    `at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}')
ORDER BY (pseudonym, at)
SETTINGS default_compression_codec = 'ZSTD(1)', index_granularity = 8192;

CREATE TABLE millrace.event_performance ON CLUSTER millrace
(
    `bucket` DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    `ticketed_event_id` String,
    `organizer_id` String,
    `event_type` LowCardinality(String),
    `currency` LowCardinality(String),
    `events` SimpleAggregateFunction(sum, UInt64),
    `quantity` SimpleAggregateFunction(sum, UInt64),
    `amount` SimpleAggregateFunction(sum, Decimal(38, 4)),
    `fees` SimpleAggregateFunction(sum, Decimal(38, 4)),
    `discount` SimpleAggregateFunction(sum, Decimal(38, 4)),
    `refund_amount` SimpleAggregateFunction(sum, Decimal(38, 4)),
    `orders` AggregateFunction(uniqCombined64(14), UInt64),
    `people` AggregateFunction(uniqCombined64(14), UInt64)
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toYYYYMM(bucket)
ORDER BY (ticketed_event_id, currency, event_type, bucket, organizer_id)
TTL toDate(bucket) + toIntervalDay(730) TO VOLUME 'cold', toDate(bucket) + toIntervalDay(3652)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192, storage_policy = 'hot_cold';

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
TTL toDate(occurred_at) + toIntervalDay(90) TO VOLUME 'cold'
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192, storage_policy = 'hot_cold';

CREATE TABLE millrace.events_hourly ON CLUSTER millrace
(
    `bucket` DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    `domain` LowCardinality(String),
    `event_type` LowCardinality(String),
    `events` SimpleAggregateFunction(sum, UInt64),
    `weight` SimpleAggregateFunction(sum, Float64),
    `people` AggregateFunction(uniqCombined64(14), UInt64),
    `sessions` AggregateFunction(uniqCombined64(14), UInt64)
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toYYYYMM(bucket)
ORDER BY (bucket, domain, event_type)
TTL toDate(bucket) + toIntervalDay(730) TO VOLUME 'cold', toDate(bucket) + toIntervalDay(3652)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192, storage_policy = 'hot_cold';

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
TTL toDate(occurred_at) + toIntervalDay(90) TO VOLUME 'cold'
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192, storage_policy = 'hot_cold';

CREATE TABLE millrace.geographic_metrics ON CLUSTER millrace
(
    `bucket` DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    `domain` LowCardinality(String),
    `country` LowCardinality(String),
    `region` LowCardinality(String),
    `city` LowCardinality(String),
    `zone` LowCardinality(String),
    `event_type` LowCardinality(String),
    `currency` LowCardinality(String),
    `events` SimpleAggregateFunction(sum, UInt64),
    `quantity` SimpleAggregateFunction(sum, UInt64),
    `amount` SimpleAggregateFunction(sum, Decimal(38, 4)),
    `refund_amount` SimpleAggregateFunction(sum, Decimal(38, 4)),
    `people` AggregateFunction(uniqCombined64(14), UInt64)
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toYYYYMM(bucket)
ORDER BY (bucket, domain, country, region, city, zone, event_type, currency)
TTL toDate(bucket) + toIntervalDay(730) TO VOLUME 'cold', toDate(bucket) + toIntervalDay(3652)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192, storage_policy = 'hot_cold';

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

CREATE TABLE millrace.hourly_bookings ON CLUSTER millrace
(
    `bucket` DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    `created_bucket` DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    `event_type` LowCardinality(String),
    `pickup_city` LowCardinality(String),
    `pickup_zone` LowCardinality(String),
    `cancelled_by` LowCardinality(String),
    `currency` LowCardinality(String),
    `events` SimpleAggregateFunction(sum, UInt64),
    `seats` SimpleAggregateFunction(sum, UInt64),
    `amount` SimpleAggregateFunction(sum, Decimal(38, 4)),
    `amounts` SimpleAggregateFunction(sum, UInt64),
    `users` AggregateFunction(uniqCombined64(14), UInt64)
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toYYYYMM(bucket)
ORDER BY (bucket, currency, event_type, pickup_city, pickup_zone, cancelled_by, created_bucket)
TTL toDate(bucket) + toIntervalDay(730) TO VOLUME 'cold', toDate(bucket) + toIntervalDay(3652)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192, storage_policy = 'hot_cold';

CREATE TABLE millrace.hourly_payments ON CLUSTER millrace
(
    `bucket` DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    `event_type` LowCardinality(String),
    `currency` LowCardinality(String),
    `method` LowCardinality(String),
    `gateway` LowCardinality(String),
    `error_code` LowCardinality(String),
    `events` SimpleAggregateFunction(sum, UInt64),
    `amount` SimpleAggregateFunction(sum, Decimal(38, 4)),
    `refund_amount` SimpleAggregateFunction(sum, Decimal(38, 4)),
    `processing_ms` SimpleAggregateFunction(sum, UInt64),
    `processing` SimpleAggregateFunction(sumMap, Map(UInt32, UInt64))
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toYYYYMM(bucket)
ORDER BY (bucket, currency, event_type, method, gateway, error_code)
TTL toDate(bucket) + toIntervalDay(730) TO VOLUME 'cold', toDate(bucket) + toIntervalDay(3652)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192, storage_policy = 'hot_cold';

CREATE TABLE millrace.legal_holds ON CLUSTER millrace
(
    `name` String,
    `relation` String,
    `first_day` Date32,
    `last_day` Date32,
    `domain` String,
    `person` String,
    `reason` String,
    `actor` String,
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
TTL toDate(occurred_at) + toIntervalDay(14) TO VOLUME 'cold', toDate(occurred_at) + toIntervalDay(92)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192, storage_policy = 'hot_cold';

CREATE TABLE millrace.metrics_daily ON CLUSTER millrace
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
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}', computed_at)
PARTITION BY toYYYYMM(day)
ORDER BY (domain, metric, day, currency, dimensions)
SETTINGS default_compression_codec = 'ZSTD(1)', index_granularity = 8192;

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
TTL toDate(starts_at) + toIntervalDay(90) TO VOLUME 'cold', toDate(starts_at) + toIntervalDay(732)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', index_granularity = 8192, storage_policy = 'hot_cold';

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
    argMax(ends_at, (revision, written_at)) AS ends_at,
    key,
    shard,
    max(revision) AS last_revision,
    argMax(`values`, (revision, written_at)) AS `values`,
    argMax(states, (revision, written_at)) AS states,
    max(watermark) AS watermark
FROM millrace.metrics_realtime
GROUP BY
    window,
    starts_at,
    key,
    shard
HAVING NOT argMax(retracted, (revision, written_at));

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

CREATE TABLE millrace.organizer_daily_metrics ON CLUSTER millrace
(
    `bucket` DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    `organizer_id` String,
    `event_type` LowCardinality(String),
    `currency` LowCardinality(String),
    `events` SimpleAggregateFunction(sum, UInt64),
    `quantity` SimpleAggregateFunction(sum, UInt64),
    `amount` SimpleAggregateFunction(sum, Decimal(38, 4)),
    `fees` SimpleAggregateFunction(sum, Decimal(38, 4)),
    `discount` SimpleAggregateFunction(sum, Decimal(38, 4)),
    `refund_amount` SimpleAggregateFunction(sum, Decimal(38, 4)),
    `orders` AggregateFunction(uniqCombined64(14), UInt64),
    `people` AggregateFunction(uniqCombined64(14), UInt64)
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toYYYYMM(bucket)
ORDER BY (organizer_id, currency, event_type, bucket)
TTL toDate(bucket) + toIntervalDay(730) TO VOLUME 'cold', toDate(bucket) + toIntervalDay(3652)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192, storage_policy = 'hot_cold';

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
TTL toDate(occurred_at) + toIntervalDay(90) TO VOLUME 'cold', toDate(occurred_at) + toIntervalDay(732)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192, storage_policy = 'hot_cold';

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
TTL toDate(occurred_at) + toIntervalDay(90) TO VOLUME 'cold', toDate(occurred_at) + toIntervalDay(732)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192, storage_policy = 'hot_cold';

CREATE TABLE millrace.popular_routes ON CLUSTER millrace
(
    `bucket` DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    `event_type` LowCardinality(String),
    `route_id` String,
    `pickup_zone` LowCardinality(String),
    `dropoff_zone` LowCardinality(String),
    `events` SimpleAggregateFunction(sum, UInt64),
    `seats` SimpleAggregateFunction(sum, UInt64)
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toYYYYMM(bucket)
ORDER BY (bucket, event_type, route_id, pickup_zone, dropoff_zone)
TTL toDate(bucket) + toIntervalDay(730) TO VOLUME 'cold', toDate(bucket) + toIntervalDay(3652)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192, storage_policy = 'hot_cold';

CREATE TABLE millrace.realtime_dashboard ON CLUSTER millrace
(
    `bucket` DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    `event_type` LowCardinality(String),
    `currency` LowCardinality(String),
    `events` SimpleAggregateFunction(sum, UInt64),
    `quantity` SimpleAggregateFunction(sum, UInt64),
    `amount` SimpleAggregateFunction(sum, Decimal(38, 4)),
    `refund_amount` SimpleAggregateFunction(sum, Decimal(38, 4)),
    `orders` AggregateFunction(uniqCombined64(14), UInt64),
    `people` AggregateFunction(uniqCombined64(14), UInt64),
    `sessions` AggregateFunction(uniqCombined64(14), UInt64)
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toYYYYMM(bucket)
ORDER BY (bucket, event_type, currency)
TTL toDate(bucket) + toIntervalDay(730) TO VOLUME 'cold', toDate(bucket) + toIntervalDay(3652)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192, storage_policy = 'hot_cold';

CREATE TABLE millrace.rebuilds ON CLUSTER millrace
(
    `target` LowCardinality(String),
    `day` Date,
    `began_at` DateTime64(3, 'UTC'),
    `at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}', began_at)
ORDER BY (target, day)
SETTINGS default_compression_codec = 'ZSTD(1)', index_granularity = 8192;

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

CREATE TABLE millrace.retention_locks ON CLUSTER millrace
(
    `state` LowCardinality(String),
    `lock` UInt32,
    `owner` String,
    `at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}')
ORDER BY (lock, at)
SETTINGS default_compression_codec = 'ZSTD(1)', index_granularity = 8192;

CREATE TABLE millrace.retention_log ON CLUSTER millrace
(
    `at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
    `run` String,
    `actor` LowCardinality(String),
    `action` LowCardinality(String),
    `relation` LowCardinality(String),
    `partition` String,
    `rows` UInt64,
    `bytes` UInt64,
    `hash` String,
    `detail` String CODEC(ZSTD(3))
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}')
ORDER BY (relation, partition, at)
SETTINGS default_compression_codec = 'ZSTD(1)', index_granularity = 8192;

CREATE TABLE millrace.revenue_analytics ON CLUSTER millrace
(
    `bucket` DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    `event_type` LowCardinality(String),
    `currency` LowCardinality(String),
    `payment_method` LowCardinality(String),
    `reason` LowCardinality(String),
    `promoted` Bool,
    `events` SimpleAggregateFunction(sum, UInt64),
    `quantity` SimpleAggregateFunction(sum, UInt64),
    `amount` SimpleAggregateFunction(sum, Decimal(38, 4)),
    `fees` SimpleAggregateFunction(sum, Decimal(38, 4)),
    `discount` SimpleAggregateFunction(sum, Decimal(38, 4)),
    `refund_amount` SimpleAggregateFunction(sum, Decimal(38, 4)),
    `orders` AggregateFunction(uniqCombined64(14), UInt64)
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toYYYYMM(bucket)
ORDER BY (bucket, currency, event_type, payment_method, reason, promoted)
TTL toDate(bucket) + toIntervalDay(730) TO VOLUME 'cold', toDate(bucket) + toIntervalDay(3652)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192, storage_policy = 'hot_cold';

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
TTL toDate(occurred_at) + toIntervalDay(90) TO VOLUME 'cold', toDate(occurred_at) + toIntervalDay(732)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192, storage_policy = 'hot_cold';

CREATE TABLE millrace.suppressions ON CLUSTER millrace
(
    `pseudonym` String,
    `domain` LowCardinality(String),
    `key` String,
    `erasure` String,
    `at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}', at)
ORDER BY (pseudonym, domain, key)
SETTINGS default_compression_codec = 'ZSTD(1)', index_granularity = 8192;

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
TTL toDate(occurred_at) + toIntervalDay(90) TO VOLUME 'cold', toDate(occurred_at) + toIntervalDay(732)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192, storage_policy = 'hot_cold';

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
TTL toDate(occurred_at) + toIntervalDay(90) TO VOLUME 'cold', toDate(occurred_at) + toIntervalDay(732)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192, storage_policy = 'hot_cold';

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
TTL toDate(occurred_at) + toIntervalDay(90) TO VOLUME 'cold', toDate(occurred_at) + toIntervalDay(732)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192, storage_policy = 'hot_cold';

CREATE TABLE millrace.user_funnel ON CLUSTER millrace
(
    `bucket` DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    `event_type` LowCardinality(String),
    `device_type` LowCardinality(String),
    `country` LowCardinality(String),
    `events` SimpleAggregateFunction(sum, UInt64),
    `people` AggregateFunction(uniqCombined64(14), UInt64),
    `sessions` AggregateFunction(uniqCombined64(14), UInt64)
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toYYYYMM(bucket)
ORDER BY (bucket, event_type, device_type, country)
TTL toDate(bucket) + toIntervalDay(730) TO VOLUME 'cold', toDate(bucket) + toIntervalDay(3652)
SETTINGS ttl_only_drop_parts = 1, default_compression_codec = 'ZSTD(1)', non_replicated_deduplication_window = 30000, replicated_deduplication_window = 30000, replicated_deduplication_window_seconds = 3600, index_granularity = 8192, storage_policy = 'hot_cold';

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

CREATE MATERIALIZED VIEW millrace.daily_trips_mv ON CLUSTER millrace TO millrace.daily_trips
(
    `bucket` DateTime('UTC'),
    `started_bucket` DateTime('UTC'),
    `event_type` LowCardinality(String),
    `pickup_city` LowCardinality(String),
    `pickup_zone` LowCardinality(String),
    `cancelled_by` LowCardinality(String),
    `currency` LowCardinality(String),
    `events` UInt64,
    `distance_km` Float64,
    `duration_s` UInt64,
    `fare` Decimal(38, 4),
    `tip` Decimal(38, 4),
    `earnings` Decimal(38, 4),
    `rating` Float64,
    `ratings` UInt64,
    `duration` Map(UInt32, UInt64)
)
AS WITH
    least(block.duration_s, 2147483648) AS seconds,
    exp2(greatest(0, floor(log2(seconds)) - 6)) AS width
SELECT
    toStartOfFifteenMinutes(block.occurred_at) AS bucket,
    toStartOfFifteenMinutes(if(block.event_type = 'trip.started', block.occurred_at, ifNull(block.started_at, block.occurred_at))) AS started_bucket,
    block.event_type AS event_type,
    block.pickup_city AS pickup_city,
    block.pickup_zone AS pickup_zone,
    block.cancelled_by AS cancelled_by,
    ifNull(block.currency, '') AS currency,
    count() AS events,
    sum(block.distance_km) AS distance_km,
    sum(block.duration_s) AS duration_s,
    sum(block.fare) AS fare,
    sum(block.tip) AS tip,
    sum(block.driver_earnings) AS earnings,
    sum(ifNull(block.rating, 0)) AS rating,
    count(block.rating) AS ratings,
    sumMapIf(map(toUInt32(round(seconds / width) * width), toUInt64(1)), block.event_type = 'trip.completed') AS duration
FROM millrace.events_raw AS block
WHERE block.event_type IN ('trip.started', 'trip.completed', 'trip.cancelled')
GROUP BY
    bucket,
    started_bucket,
    event_type,
    pickup_city,
    pickup_zone,
    cancelled_by,
    currency;

CREATE MATERIALIZED VIEW millrace.daily_users_mv ON CLUSTER millrace TO millrace.daily_users
(
    `bucket` DateTime('UTC'),
    `event_type` String,
    `country` LowCardinality(String),
    `city` LowCardinality(String),
    `channel` LowCardinality(String),
    `events` UInt64,
    `users` AggregateFunction(uniqCombined64(14), UInt64),
    `drivers` AggregateFunction(uniqCombined64(14), UInt64)
)
AS SELECT
    toStartOfFifteenMinutes(block.occurred_at) AS bucket,
    if(startsWith(block.event_type, 'user.'), toString(block.event_type), '') AS event_type,
    block.country AS country,
    block.city AS city,
    block.channel AS channel,
    count() AS events,
    uniqCombined64StateIf(14)(sipHash64(block.user_id), block.user_id != '') AS users,
    uniqCombined64StateIf(14)(sipHash64(ifNull(block.driver_id, '')), ifNull(block.driver_id, '') != '') AS drivers
FROM millrace.events_raw AS block
WHERE block.event_type NOT IN ('driver.location.updated')
GROUP BY
    bucket,
    event_type,
    country,
    city,
    channel;

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

CREATE MATERIALIZED VIEW millrace.device_analytics_mv ON CLUSTER millrace TO millrace.device_analytics
(
    `bucket` DateTime('UTC'),
    `device_type` LowCardinality(String),
    `os` LowCardinality(String),
    `browser` LowCardinality(String),
    `event_type` LowCardinality(String),
    `events` UInt64,
    `quantity` UInt64,
    `duration_ms` UInt64,
    `durations` UInt64,
    `people` AggregateFunction(uniqCombined64(14), UInt64),
    `sessions` AggregateFunction(uniqCombined64(14), UInt64)
)
AS SELECT
    toStartOfFifteenMinutes(block.occurred_at) AS bucket,
    block.device_type AS device_type,
    block.os AS os,
    block.browser AS browser,
    block.event_type AS event_type,
    count() AS events,
    sum(block.quantity) AS quantity,
    sum(ifNull(block.duration_ms, 0)) AS duration_ms,
    count(block.duration_ms) AS durations,
    uniqCombined64State(14)(sipHash64(ifNull(block.user_id, ifNull(block.session_id, '')))) AS people,
    uniqCombined64StateIf(14)(sipHash64(ifNull(block.session_id, '')), block.session_id IS NOT NULL) AS sessions
FROM millrace.events AS block
WHERE block.event_type IN ('page.viewed', 'event.viewed', 'event.searched', 'ticket.selected', 'checkout.started', 'ticket.purchased')
GROUP BY
    bucket,
    device_type,
    os,
    browser,
    event_type;

CREATE MATERIALIZED VIEW millrace.driver_earnings_mv ON CLUSTER millrace TO millrace.driver_earnings
(
    `bucket` DateTime('UTC'),
    `driver_id` String,
    `event_type` LowCardinality(String),
    `cancelled_by` LowCardinality(String),
    `currency` LowCardinality(String),
    `events` UInt64,
    `distance_km` Float64,
    `duration_s` UInt64,
    `fare` Decimal(38, 4),
    `tip` Decimal(38, 4),
    `earnings` Decimal(38, 4),
    `rating` Float64,
    `ratings` UInt64
)
AS SELECT
    toStartOfFifteenMinutes(block.occurred_at) AS bucket,
    ifNull(block.driver_id, '') AS driver_id,
    block.event_type AS event_type,
    block.cancelled_by AS cancelled_by,
    ifNull(block.currency, '') AS currency,
    count() AS events,
    sum(block.distance_km) AS distance_km,
    sum(block.duration_s) AS duration_s,
    sum(block.fare) AS fare,
    sum(block.tip) AS tip,
    sum(block.driver_earnings) AS earnings,
    sum(ifNull(block.rating, 0)) AS rating,
    count(block.rating) AS ratings
FROM millrace.events_raw AS block
WHERE block.event_type IN ('trip.started', 'trip.completed', 'trip.cancelled')
GROUP BY
    bucket,
    driver_id,
    event_type,
    cancelled_by,
    currency;

CREATE MATERIALIZED VIEW millrace.event_performance_mv ON CLUSTER millrace TO millrace.event_performance
(
    `bucket` DateTime('UTC'),
    `ticketed_event_id` String,
    `organizer_id` String,
    `event_type` LowCardinality(String),
    `currency` LowCardinality(String),
    `events` UInt64,
    `quantity` UInt64,
    `amount` Decimal(38, 4),
    `fees` Decimal(38, 4),
    `discount` Decimal(38, 4),
    `refund_amount` Decimal(38, 4),
    `orders` AggregateFunction(uniqCombined64(14), UInt64),
    `people` AggregateFunction(uniqCombined64(14), UInt64)
)
AS SELECT
    toStartOfFifteenMinutes(block.occurred_at) AS bucket,
    block.ticketed_event_id AS ticketed_event_id,
    block.organizer_id AS organizer_id,
    block.event_type AS event_type,
    block.currency AS currency,
    count() AS events,
    sum(block.quantity) AS quantity,
    sum(block.amount) AS amount,
    sum(block.fees) AS fees,
    sum(block.discount) AS discount,
    sum(block.refund_amount) AS refund_amount,
    uniqCombined64State(14)(sipHash64(block.order_id)) AS orders,
    uniqCombined64State(14)(sipHash64(ifNull(block.user_id, ifNull(block.session_id, '')))) AS people
FROM millrace.events AS block
WHERE block.event_type IN ('event.viewed', 'event.shared', 'event.favorited', 'ticket.selected', 'checkout.started', 'ticket.purchased', 'ticket.refunded', 'ticket.checked_in')
GROUP BY
    bucket,
    ticketed_event_id,
    organizer_id,
    event_type,
    currency;

CREATE MATERIALIZED VIEW millrace.events_hourly_mv ON CLUSTER millrace TO millrace.events_hourly
(
    `bucket` DateTime('UTC'),
    `domain` String,
    `event_type` LowCardinality(String),
    `events` UInt64,
    `weight` Float64,
    `people` AggregateFunction(uniqCombined64(14), UInt64),
    `sessions` AggregateFunction(uniqCombined64(14), UInt64)
)
AS SELECT
    toStartOfFifteenMinutes(block.occurred_at) AS bucket,
    'ticketing' AS domain,
    block.event_type AS event_type,
    count() AS events,
    sum(if(block.sample_rate > 0, 1 / block.sample_rate, 1)) AS weight,
    uniqCombined64State(14)(sipHash64(ifNull(block.user_id, ifNull(block.session_id, '')))) AS people,
    uniqCombined64StateIf(14)(sipHash64(ifNull(block.session_id, '')), block.session_id IS NOT NULL) AS sessions
FROM millrace.events AS block
GROUP BY
    bucket,
    domain,
    event_type;

CREATE MATERIALIZED VIEW millrace.events_hourly_rides_mv ON CLUSTER millrace TO millrace.events_hourly
(
    `bucket` DateTime('UTC'),
    `domain` String,
    `event_type` LowCardinality(String),
    `events` UInt64,
    `weight` Float64,
    `people` AggregateFunction(uniqCombined64(14), UInt64)
)
AS SELECT
    toStartOfFifteenMinutes(block.occurred_at) AS bucket,
    'rides' AS domain,
    block.event_type AS event_type,
    count() AS events,
    sum(if(block.sample_rate > 0, 1 / block.sample_rate, 1)) AS weight,
    uniqCombined64State(14)(sipHash64(if(block.user_id != '', block.user_id, ifNull(block.driver_id, '')))) AS people
FROM millrace.events_raw AS block
GROUP BY
    bucket,
    domain,
    event_type;

CREATE MATERIALIZED VIEW millrace.geographic_metrics_mv ON CLUSTER millrace TO millrace.geographic_metrics
(
    `bucket` DateTime('UTC'),
    `domain` String,
    `country` LowCardinality(String),
    `region` LowCardinality(String),
    `city` LowCardinality(String),
    `zone` String,
    `event_type` LowCardinality(String),
    `currency` LowCardinality(String),
    `events` UInt64,
    `quantity` UInt64,
    `amount` Decimal(38, 4),
    `refund_amount` Decimal(38, 4),
    `people` AggregateFunction(uniqCombined64(14), UInt64)
)
AS SELECT
    toStartOfFifteenMinutes(block.occurred_at) AS bucket,
    'ticketing' AS domain,
    ifNull(block.country, '') AS country,
    ifNull(block.region, '') AS region,
    ifNull(block.city, '') AS city,
    '' AS zone,
    block.event_type AS event_type,
    block.currency AS currency,
    count() AS events,
    sum(block.quantity) AS quantity,
    sum(block.amount) AS amount,
    sum(block.refund_amount) AS refund_amount,
    uniqCombined64State(14)(sipHash64(ifNull(block.user_id, ifNull(block.session_id, '')))) AS people
FROM millrace.events AS block
WHERE block.event_type IN ('page.viewed', 'event.viewed', 'event.searched', 'checkout.started', 'ticket.purchased', 'ticket.refunded')
GROUP BY
    bucket,
    domain,
    country,
    region,
    city,
    zone,
    event_type,
    currency;

CREATE MATERIALIZED VIEW millrace.geographic_metrics_rides_mv ON CLUSTER millrace TO millrace.geographic_metrics
(
    `bucket` DateTime('UTC'),
    `domain` String,
    `country` LowCardinality(String),
    `region` LowCardinality(String),
    `city` LowCardinality(String),
    `zone` LowCardinality(String),
    `event_type` LowCardinality(String),
    `currency` LowCardinality(String),
    `events` UInt64,
    `quantity` UInt64,
    `amount` Decimal(38, 4),
    `refund_amount` Decimal(38, 4),
    `people` AggregateFunction(uniqCombined64(14), UInt64)
)
AS SELECT
    toStartOfFifteenMinutes(block.occurred_at) AS bucket,
    'rides' AS domain,
    block.pickup_country AS country,
    block.pickup_state AS region,
    block.pickup_city AS city,
    block.pickup_zone AS zone,
    block.event_type AS event_type,
    ifNull(block.currency, '') AS currency,
    count() AS events,
    sum(ifNull(block.seats, 0)) AS quantity,
    sum(ifNull(block.amount, 0)) AS amount,
    sum(block.refund_amount) AS refund_amount,
    uniqCombined64State(14)(sipHash64(block.user_id)) AS people
FROM millrace.events_raw AS block
WHERE block.event_type IN ('booking.created', 'booking.cancelled', 'trip.completed', 'payment.success', 'payment.refunded')
GROUP BY
    bucket,
    domain,
    country,
    region,
    city,
    zone,
    event_type,
    currency;

CREATE MATERIALIZED VIEW millrace.hourly_bookings_mv ON CLUSTER millrace TO millrace.hourly_bookings
(
    `bucket` DateTime('UTC'),
    `created_bucket` DateTime('UTC'),
    `event_type` LowCardinality(String),
    `pickup_city` LowCardinality(String),
    `pickup_zone` LowCardinality(String),
    `cancelled_by` LowCardinality(String),
    `currency` LowCardinality(String),
    `events` UInt64,
    `seats` UInt64,
    `amount` Decimal(38, 4),
    `amounts` UInt64,
    `users` AggregateFunction(uniqCombined64(14), UInt64)
)
AS SELECT
    toStartOfFifteenMinutes(block.occurred_at) AS bucket,
    toStartOfFifteenMinutes(if(block.event_type = 'booking.created', block.occurred_at, block.created_at)) AS created_bucket,
    block.event_type AS event_type,
    block.pickup_city AS pickup_city,
    block.pickup_zone AS pickup_zone,
    block.cancelled_by AS cancelled_by,
    ifNull(block.currency, '') AS currency,
    count() AS events,
    sum(ifNull(block.seats, 0)) AS seats,
    sum(ifNull(block.amount, 0)) AS amount,
    count(block.amount) AS amounts,
    uniqCombined64State(14)(sipHash64(block.user_id)) AS users
FROM millrace.events_raw AS block
WHERE block.event_type IN ('booking.created', 'booking.confirmed', 'booking.cancelled', 'booking.completed')
GROUP BY
    bucket,
    created_bucket,
    event_type,
    pickup_city,
    pickup_zone,
    cancelled_by,
    currency;

CREATE MATERIALIZED VIEW millrace.hourly_payments_mv ON CLUSTER millrace TO millrace.hourly_payments
(
    `bucket` DateTime('UTC'),
    `event_type` LowCardinality(String),
    `currency` LowCardinality(String),
    `method` LowCardinality(String),
    `gateway` LowCardinality(String),
    `error_code` LowCardinality(String),
    `events` UInt64,
    `amount` Decimal(38, 4),
    `refund_amount` Decimal(38, 4),
    `processing_ms` UInt64,
    `processing` Map(UInt32, UInt64)
)
AS WITH
    greatest(0, toUnixTimestamp64Milli(block.occurred_at) - toUnixTimestamp64Milli(block.initiated_at)) AS passed,
    least(passed, 2147483648) AS milliseconds,
    exp2(greatest(0, floor(log2(milliseconds)) - 6)) AS width
SELECT
    toStartOfFifteenMinutes(block.occurred_at) AS bucket,
    block.event_type AS event_type,
    ifNull(block.currency, '') AS currency,
    block.method AS method,
    block.gateway AS gateway,
    block.error_code AS error_code,
    count() AS events,
    sum(ifNull(block.amount, 0)) AS amount,
    sum(block.refund_amount) AS refund_amount,
    sumIf(toUInt64(passed), block.event_type = 'payment.success') AS processing_ms,
    sumMapIf(map(toUInt32(round(milliseconds / width) * width), toUInt64(1)), block.event_type = 'payment.success') AS processing
FROM millrace.events_raw AS block
WHERE block.event_type IN ('payment.initiated', 'payment.success', 'payment.failed', 'payment.refunded')
GROUP BY
    bucket,
    event_type,
    currency,
    method,
    gateway,
    error_code;

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

CREATE MATERIALIZED VIEW millrace.organizer_daily_metrics_mv ON CLUSTER millrace TO millrace.organizer_daily_metrics
(
    `bucket` DateTime('UTC'),
    `organizer_id` String,
    `event_type` LowCardinality(String),
    `currency` LowCardinality(String),
    `events` UInt64,
    `quantity` UInt64,
    `amount` Decimal(38, 4),
    `fees` Decimal(38, 4),
    `discount` Decimal(38, 4),
    `refund_amount` Decimal(38, 4),
    `orders` AggregateFunction(uniqCombined64(14), UInt64),
    `people` AggregateFunction(uniqCombined64(14), UInt64)
)
AS SELECT
    toStartOfFifteenMinutes(block.occurred_at) AS bucket,
    block.organizer_id AS organizer_id,
    block.event_type AS event_type,
    block.currency AS currency,
    count() AS events,
    sum(block.quantity) AS quantity,
    sum(block.amount) AS amount,
    sum(block.fees) AS fees,
    sum(block.discount) AS discount,
    sum(block.refund_amount) AS refund_amount,
    uniqCombined64State(14)(sipHash64(block.order_id)) AS orders,
    uniqCombined64State(14)(sipHash64(ifNull(block.user_id, ifNull(block.session_id, '')))) AS people
FROM millrace.events AS block
WHERE block.event_type IN ('event.viewed', 'event.shared', 'event.favorited', 'ticket.selected', 'checkout.started', 'ticket.purchased', 'ticket.refunded', 'ticket.checked_in')
GROUP BY
    bucket,
    organizer_id,
    event_type,
    currency;

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

CREATE MATERIALIZED VIEW millrace.popular_routes_mv ON CLUSTER millrace TO millrace.popular_routes
(
    `bucket` DateTime('UTC'),
    `event_type` LowCardinality(String),
    `route_id` String,
    `pickup_zone` String,
    `dropoff_zone` String,
    `events` UInt64,
    `seats` UInt64
)
AS SELECT
    toStartOfFifteenMinutes(block.occurred_at) AS bucket,
    block.event_type AS event_type,
    ifNull(block.route_id, '') AS route_id,
    if(ifNull(block.route_id, '') = '', toString(block.pickup_zone), '') AS pickup_zone,
    if(ifNull(block.route_id, '') = '', toString(block.dropoff_zone), '') AS dropoff_zone,
    count() AS events,
    sum(ifNull(block.seats, 0)) AS seats
FROM millrace.events_raw AS block
WHERE block.event_type IN ('booking.created', 'booking.confirmed', 'booking.cancelled', 'trip.completed', 'route.created')
GROUP BY
    bucket,
    event_type,
    route_id,
    pickup_zone,
    dropoff_zone;

CREATE MATERIALIZED VIEW millrace.realtime_dashboard_mv ON CLUSTER millrace TO millrace.realtime_dashboard
(
    `bucket` DateTime('UTC'),
    `event_type` LowCardinality(String),
    `currency` LowCardinality(String),
    `events` UInt64,
    `quantity` UInt64,
    `amount` Decimal(38, 4),
    `refund_amount` Decimal(38, 4),
    `orders` AggregateFunction(uniqCombined64(14), UInt64),
    `people` AggregateFunction(uniqCombined64(14), UInt64),
    `sessions` AggregateFunction(uniqCombined64(14), UInt64)
)
AS SELECT
    toStartOfFiveMinutes(block.occurred_at) AS bucket,
    block.event_type AS event_type,
    block.currency AS currency,
    count() AS events,
    sum(block.quantity) AS quantity,
    sum(block.amount) AS amount,
    sum(block.refund_amount) AS refund_amount,
    uniqCombined64State(14)(sipHash64(block.order_id)) AS orders,
    uniqCombined64State(14)(sipHash64(ifNull(block.user_id, ifNull(block.session_id, '')))) AS people,
    uniqCombined64StateIf(14)(sipHash64(ifNull(block.session_id, '')), block.session_id IS NOT NULL) AS sessions
FROM millrace.events AS block
WHERE block.event_type IN ('page.viewed', 'event.viewed', 'event.searched', 'checkout.started', 'ticket.purchased', 'ticket.refunded')
GROUP BY
    bucket,
    event_type,
    currency;

CREATE MATERIALIZED VIEW millrace.revenue_analytics_mv ON CLUSTER millrace TO millrace.revenue_analytics
(
    `bucket` DateTime('UTC'),
    `event_type` LowCardinality(String),
    `currency` LowCardinality(String),
    `payment_method` LowCardinality(String),
    `reason` LowCardinality(String),
    `promoted` UInt8,
    `events` UInt64,
    `quantity` UInt64,
    `amount` Decimal(38, 4),
    `fees` Decimal(38, 4),
    `discount` Decimal(38, 4),
    `refund_amount` Decimal(38, 4),
    `orders` AggregateFunction(uniqCombined64(14), UInt64)
)
AS SELECT
    toStartOfFifteenMinutes(block.occurred_at) AS bucket,
    block.event_type AS event_type,
    block.currency AS currency,
    block.payment_method AS payment_method,
    block.reason AS reason,
    block.promo_code IS NOT NULL AS promoted,
    count() AS events,
    sum(block.quantity) AS quantity,
    sum(block.amount) AS amount,
    sum(block.fees) AS fees,
    sum(block.discount) AS discount,
    sum(block.refund_amount) AS refund_amount,
    uniqCombined64State(14)(sipHash64(block.order_id)) AS orders
FROM millrace.events AS block
WHERE block.event_type IN ('ticket.purchased', 'ticket.refunded')
GROUP BY
    bucket,
    event_type,
    currency,
    payment_method,
    reason,
    promoted;

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

CREATE MATERIALIZED VIEW millrace.user_funnel_mv ON CLUSTER millrace TO millrace.user_funnel
(
    `bucket` DateTime('UTC'),
    `event_type` LowCardinality(String),
    `device_type` LowCardinality(String),
    `country` LowCardinality(String),
    `events` UInt64,
    `people` AggregateFunction(uniqCombined64(14), UInt64),
    `sessions` AggregateFunction(uniqCombined64(14), UInt64)
)
AS SELECT
    toStartOfFifteenMinutes(block.occurred_at) AS bucket,
    block.event_type AS event_type,
    block.device_type AS device_type,
    ifNull(block.country, '') AS country,
    count() AS events,
    uniqCombined64State(14)(sipHash64(ifNull(block.user_id, ifNull(block.session_id, '')))) AS people,
    uniqCombined64StateIf(14)(sipHash64(ifNull(block.session_id, '')), block.session_id IS NOT NULL) AS sessions
FROM millrace.events AS block
WHERE block.event_type IN ('page.viewed', 'event.viewed', 'ticket.selected', 'checkout.started', 'ticket.purchased')
GROUP BY
    bucket,
    event_type,
    device_type,
    country;

CREATE OR REPLACE TABLE millrace_all.booking_events ON CLUSTER millrace AS millrace.booking_events ENGINE = Distributed('millrace', 'millrace', 'booking_events', shard);

CREATE OR REPLACE TABLE millrace_all.chain_repairs ON CLUSTER millrace AS millrace.chain_repairs ENGINE = Distributed('millrace', 'millrace', 'chain_repairs', shard);

CREATE OR REPLACE TABLE millrace_all.daily_trips ON CLUSTER millrace AS millrace.daily_trips ENGINE = Distributed('millrace', 'millrace', 'daily_trips');

CREATE OR REPLACE TABLE millrace_all.daily_users ON CLUSTER millrace AS millrace.daily_users ENGINE = Distributed('millrace', 'millrace', 'daily_users');

CREATE OR REPLACE TABLE millrace_all.dead_letter_actions ON CLUSTER millrace ENGINE = Alias('millrace', 'dead_letter_actions');

CREATE OR REPLACE TABLE millrace_all.dead_letters ON CLUSTER millrace AS millrace.dead_letters ENGINE = Distributed('millrace', 'millrace', 'dead_letters', shard);

CREATE OR REPLACE TABLE millrace_all.delivered ON CLUSTER millrace AS millrace.delivered ENGINE = Distributed('millrace', 'millrace', 'delivered', shard);

CREATE OR REPLACE TABLE millrace_all.device_analytics ON CLUSTER millrace AS millrace.device_analytics ENGINE = Distributed('millrace', 'millrace', 'device_analytics');

CREATE OR REPLACE TABLE millrace_all.driver_earnings ON CLUSTER millrace AS millrace.driver_earnings ENGINE = Distributed('millrace', 'millrace', 'driver_earnings');

CREATE OR REPLACE TABLE millrace_all.erasures ON CLUSTER millrace ENGINE = Alias('millrace', 'erasures');

CREATE OR REPLACE TABLE millrace_all.event_performance ON CLUSTER millrace AS millrace.event_performance ENGINE = Distributed('millrace', 'millrace', 'event_performance');

CREATE OR REPLACE TABLE millrace_all.events ON CLUSTER millrace AS millrace.events ENGINE = Distributed('millrace', 'millrace', 'events', shard);

CREATE OR REPLACE TABLE millrace_all.events_hourly ON CLUSTER millrace AS millrace.events_hourly ENGINE = Distributed('millrace', 'millrace', 'events_hourly');

CREATE OR REPLACE TABLE millrace_all.events_raw ON CLUSTER millrace AS millrace.events_raw ENGINE = Distributed('millrace', 'millrace', 'events_raw', shard);

CREATE OR REPLACE TABLE millrace_all.geographic_metrics ON CLUSTER millrace AS millrace.geographic_metrics ENGINE = Distributed('millrace', 'millrace', 'geographic_metrics');

CREATE OR REPLACE TABLE millrace_all.holds ON CLUSTER millrace ENGINE = Alias('millrace', 'holds');

CREATE OR REPLACE TABLE millrace_all.hourly_bookings ON CLUSTER millrace AS millrace.hourly_bookings ENGINE = Distributed('millrace', 'millrace', 'hourly_bookings');

CREATE OR REPLACE TABLE millrace_all.hourly_payments ON CLUSTER millrace AS millrace.hourly_payments ENGINE = Distributed('millrace', 'millrace', 'hourly_payments');

CREATE OR REPLACE TABLE millrace_all.legal_holds ON CLUSTER millrace ENGINE = Alias('millrace', 'legal_holds');

CREATE OR REPLACE TABLE millrace_all.location_events ON CLUSTER millrace AS millrace.location_events ENGINE = Distributed('millrace', 'millrace', 'location_events', shard);

CREATE OR REPLACE TABLE millrace_all.metrics_daily ON CLUSTER millrace ENGINE = Alias('millrace', 'metrics_daily');

CREATE OR REPLACE TABLE millrace_all.metrics_realtime ON CLUSTER millrace AS millrace.metrics_realtime ENGINE = Distributed('millrace', 'millrace', 'metrics_realtime', shard);

CREATE OR REPLACE TABLE millrace_all.migrations ON CLUSTER millrace ENGINE = Alias('millrace', 'migrations');

CREATE OR REPLACE TABLE millrace_all.organizer_daily_metrics ON CLUSTER millrace AS millrace.organizer_daily_metrics ENGINE = Distributed('millrace', 'millrace', 'organizer_daily_metrics');

CREATE OR REPLACE TABLE millrace_all.page_views ON CLUSTER millrace AS millrace.page_views ENGINE = Distributed('millrace', 'millrace', 'page_views', shard);

CREATE OR REPLACE TABLE millrace_all.payment_events ON CLUSTER millrace AS millrace.payment_events ENGINE = Distributed('millrace', 'millrace', 'payment_events', shard);

CREATE OR REPLACE TABLE millrace_all.popular_routes ON CLUSTER millrace AS millrace.popular_routes ENGINE = Distributed('millrace', 'millrace', 'popular_routes');

CREATE OR REPLACE TABLE millrace_all.realtime_dashboard ON CLUSTER millrace AS millrace.realtime_dashboard ENGINE = Distributed('millrace', 'millrace', 'realtime_dashboard');

CREATE OR REPLACE TABLE millrace_all.rebuilds ON CLUSTER millrace ENGINE = Alias('millrace', 'rebuilds');

CREATE OR REPLACE TABLE millrace_all.repairs ON CLUSTER millrace AS millrace.repairs ENGINE = Distributed('millrace', 'millrace', 'repairs', shard);

CREATE OR REPLACE TABLE millrace_all.retention_locks ON CLUSTER millrace ENGINE = Alias('millrace', 'retention_locks');

CREATE OR REPLACE TABLE millrace_all.retention_log ON CLUSTER millrace ENGINE = Alias('millrace', 'retention_log');

CREATE OR REPLACE TABLE millrace_all.revenue_analytics ON CLUSTER millrace AS millrace.revenue_analytics ENGINE = Distributed('millrace', 'millrace', 'revenue_analytics');

CREATE OR REPLACE TABLE millrace_all.route_events ON CLUSTER millrace AS millrace.route_events ENGINE = Distributed('millrace', 'millrace', 'route_events', shard);

CREATE OR REPLACE TABLE millrace_all.suppressions ON CLUSTER millrace ENGINE = Alias('millrace', 'suppressions');

CREATE OR REPLACE TABLE millrace_all.ticket_sales ON CLUSTER millrace AS millrace.ticket_sales ENGINE = Distributed('millrace', 'millrace', 'ticket_sales', shard);

CREATE OR REPLACE TABLE millrace_all.trip_events ON CLUSTER millrace AS millrace.trip_events ENGINE = Distributed('millrace', 'millrace', 'trip_events', shard);

CREATE OR REPLACE TABLE millrace_all.user_events ON CLUSTER millrace AS millrace.user_events ENGINE = Distributed('millrace', 'millrace', 'user_events', shard);

CREATE OR REPLACE TABLE millrace_all.user_funnel ON CLUSTER millrace AS millrace.user_funnel ENGINE = Distributed('millrace', 'millrace', 'user_funnel');

CREATE OR REPLACE VIEW millrace_all.metrics_realtime_latest ON CLUSTER millrace AS SELECT
    any(domain) AS domain,
    window,
    starts_at,
    argMax(ends_at, (revision, written_at)) AS ends_at,
    key,
    shard,
    max(revision) AS last_revision,
    argMax(`values`, (revision, written_at)) AS `values`,
    argMax(states, (revision, written_at)) AS states,
    max(watermark) AS watermark
FROM millrace_all.metrics_realtime
GROUP BY
    window,
    starts_at,
    key,
    shard
HAVING NOT argMax(retracted, (revision, written_at));
