-- The six families of ride events, typed: only the columns of their types, NULL only where one of these may lack it.
--
-- Views fill them in the insert into events_raw. No expression in a view can throw: names, and ifNull with the
-- type's default. They keep no event_id (19 bytes a row): (chain, topic, shard, offset) finds the raw row.
-- No constraint `fresh`: the raw table has asked already, and a rebuild inserts old rows.
-- ORDER BY what is asked for most: type and hour first, then the person whose events are followed; locations by
--   driver and time, which is the path of a driver. Partitions, codecs, retention and window as in 0001.
CREATE TABLE IF NOT EXISTS {database}.user_events
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
ENGINE = MergeTree
PARTITION BY toDate(occurred_at)
ORDER BY (event_type, toStartOfHour(occurred_at), user_id, occurred_at)
TTL toDate(occurred_at) + INTERVAL 732 DAY
SETTINGS ttl_only_drop_parts = 1,
    default_compression_codec = 'ZSTD(1)',
    non_replicated_deduplication_window = 30000,
    replicated_deduplication_window = 30000,
    replicated_deduplication_window_seconds = 3600;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.user_events_mv TO {database}.user_events AS
SELECT
    `event_type`,
    `event_version`,
    `source`,
    `occurred_at`,
    `ingested_at`,
    `chain`,
    `topic`,
    `shard`,
    `offset`,
    `sample_rate`,
    `user_id`,
    `role`,
    `city`,
    `country`,
    `channel`,
    `method`,
    `provider`,
    `registered_at`,
    `vehicle_type`
FROM {database}.events_raw
WHERE event_type IN ('user.registered', 'user.kyc_verified', 'user.upgraded_to_driver');

CREATE TABLE IF NOT EXISTS {database}.booking_events
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
ENGINE = MergeTree
PARTITION BY toDate(occurred_at)
ORDER BY (event_type, toStartOfHour(occurred_at), user_id, occurred_at)
TTL toDate(occurred_at) + INTERVAL 732 DAY
SETTINGS ttl_only_drop_parts = 1,
    default_compression_codec = 'ZSTD(1)',
    non_replicated_deduplication_window = 30000,
    replicated_deduplication_window = 30000,
    replicated_deduplication_window_seconds = 3600;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.booking_events_mv TO {database}.booking_events AS
SELECT
    `event_type`,
    `event_version`,
    `source`,
    `occurred_at`,
    `ingested_at`,
    `chain`,
    `topic`,
    `shard`,
    `offset`,
    `sample_rate`,
    `booking_id`,
    `user_id`,
    `route_id`,
    `pickup_latitude`,
    `pickup_longitude`,
    `pickup_zone`,
    `pickup_city`,
    `pickup_state`,
    `pickup_country`,
    `pickup_cell`,
    `dropoff_latitude`,
    `dropoff_longitude`,
    `dropoff_zone`,
    `dropoff_city`,
    `dropoff_state`,
    `dropoff_country`,
    `dropoff_cell`,
    `seats`,
    `amount`,
    `currency`,
    `driver_id`,
    `created_at`,
    `cancelled_by`,
    `reason`
FROM {database}.events_raw
WHERE event_type IN ('booking.created', 'booking.confirmed', 'booking.cancelled', 'booking.completed');

CREATE TABLE IF NOT EXISTS {database}.payment_events
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
ENGINE = MergeTree
PARTITION BY toDate(occurred_at)
ORDER BY (event_type, toStartOfHour(occurred_at), user_id, occurred_at)
TTL toDate(occurred_at) + INTERVAL 732 DAY
SETTINGS ttl_only_drop_parts = 1,
    default_compression_codec = 'ZSTD(1)',
    non_replicated_deduplication_window = 30000,
    replicated_deduplication_window = 30000,
    replicated_deduplication_window_seconds = 3600;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.payment_events_mv TO {database}.payment_events AS
SELECT
    `event_type`,
    `event_version`,
    `source`,
    `occurred_at`,
    `ingested_at`,
    `chain`,
    `topic`,
    `shard`,
    `offset`,
    `sample_rate`,
    `payment_id`,
    `booking_id`,
    `user_id`,
    ifNull(`amount`, defaultValueOfTypeName('Decimal(18, 4)')) AS `amount`,
    ifNull(`currency`, '') AS `currency`,
    `method`,
    `pickup_latitude`,
    `pickup_longitude`,
    `pickup_zone`,
    `pickup_city`,
    `pickup_state`,
    `pickup_country`,
    `pickup_cell`,
    `initiated_at`,
    `gateway`,
    `error_code`,
    `paid_at`,
    `refund_amount`,
    `reason`
FROM {database}.events_raw
WHERE event_type IN ('payment.initiated', 'payment.success', 'payment.failed', 'payment.refunded');

CREATE TABLE IF NOT EXISTS {database}.trip_events
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
ENGINE = MergeTree
PARTITION BY toDate(occurred_at)
ORDER BY (event_type, toStartOfHour(occurred_at), driver_id, occurred_at)
TTL toDate(occurred_at) + INTERVAL 732 DAY
SETTINGS ttl_only_drop_parts = 1,
    default_compression_codec = 'ZSTD(1)',
    non_replicated_deduplication_window = 30000,
    replicated_deduplication_window = 30000,
    replicated_deduplication_window_seconds = 3600;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.trip_events_mv TO {database}.trip_events AS
SELECT
    `event_type`,
    `event_version`,
    `source`,
    `occurred_at`,
    `ingested_at`,
    `chain`,
    `topic`,
    `shard`,
    `offset`,
    `sample_rate`,
    ifNull(`trip_id`, '') AS `trip_id`,
    `booking_id`,
    ifNull(`driver_id`, '') AS `driver_id`,
    `user_id`,
    `route_id`,
    `pickup_latitude`,
    `pickup_longitude`,
    `pickup_zone`,
    `pickup_city`,
    `pickup_state`,
    `pickup_country`,
    `pickup_cell`,
    `dropoff_latitude`,
    `dropoff_longitude`,
    `dropoff_zone`,
    `dropoff_city`,
    `dropoff_state`,
    `dropoff_country`,
    `dropoff_cell`,
    `started_at`,
    `distance_km`,
    `duration_s`,
    `fare`,
    `driver_earnings`,
    `tip`,
    ifNull(`currency`, '') AS `currency`,
    `rating`,
    `cancelled_by`,
    `reason`
FROM {database}.events_raw
WHERE event_type IN ('trip.started', 'trip.completed', 'trip.cancelled');

CREATE TABLE IF NOT EXISTS {database}.route_events
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
ENGINE = MergeTree
PARTITION BY toDate(occurred_at)
ORDER BY (event_type, toStartOfHour(occurred_at), driver_id, occurred_at)
TTL toDate(occurred_at) + INTERVAL 732 DAY
SETTINGS ttl_only_drop_parts = 1,
    default_compression_codec = 'ZSTD(1)',
    non_replicated_deduplication_window = 30000,
    replicated_deduplication_window = 30000,
    replicated_deduplication_window_seconds = 3600;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.route_events_mv TO {database}.route_events AS
SELECT
    `event_type`,
    `event_version`,
    `source`,
    `occurred_at`,
    `ingested_at`,
    `chain`,
    `topic`,
    `shard`,
    `offset`,
    `sample_rate`,
    ifNull(`route_id`, '') AS `route_id`,
    ifNull(`driver_id`, '') AS `driver_id`,
    `origin_latitude`,
    `origin_longitude`,
    `origin_zone`,
    `origin_city`,
    `origin_state`,
    `origin_country`,
    `origin_cell`,
    `destination_latitude`,
    `destination_longitude`,
    `destination_zone`,
    `destination_city`,
    `destination_state`,
    `destination_country`,
    `destination_cell`,
    `departure_at`,
    ifNull(`seats`, defaultValueOfTypeName('UInt8')) AS `seats`,
    `price`,
    ifNull(`currency`, '') AS `currency`,
    `reason`
FROM {database}.events_raw
WHERE event_type IN ('route.created', 'route.activated', 'route.cancelled', 'route.updated');

CREATE TABLE IF NOT EXISTS {database}.location_events
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
ENGINE = MergeTree
PARTITION BY toDate(occurred_at)
ORDER BY (driver_id, occurred_at)
TTL toDate(occurred_at) + INTERVAL 732 DAY
SETTINGS ttl_only_drop_parts = 1,
    default_compression_codec = 'ZSTD(1)',
    non_replicated_deduplication_window = 30000,
    replicated_deduplication_window = 30000,
    replicated_deduplication_window_seconds = 3600;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.location_events_mv TO {database}.location_events AS
SELECT
    `event_type`,
    `event_version`,
    `source`,
    `occurred_at`,
    `ingested_at`,
    `chain`,
    `topic`,
    `shard`,
    `offset`,
    `sample_rate`,
    ifNull(`driver_id`, '') AS `driver_id`,
    `trip_id`,
    `position_latitude`,
    `position_longitude`,
    `position_zone`,
    `position_city`,
    `position_state`,
    `position_country`,
    `position_cell`,
    `speed_kmh`,
    `heading`,
    `accuracy_m`
FROM {database}.events_raw
WHERE event_type IN ('driver.location.updated');
