-- Every event of ride sharing, as it was accepted: the truth that all other tables of the domain are held to.
--
-- One row is one event; (chain, topic, shard, offset) is unique, and so is (source, event_id) within the memory of
-- duplicates.
--
-- PARTITION BY day of occurred_at. Readers and retention ask for event time, and an intent names the days that
--   its rows touch, so a recount reads no others. Validation bounds event time (too_old, in_future), so a wrong
--   clock makes no partition in 1970 or 2099. Late events cost one part more for each day that a batch touches;
--   the number of days in a batch is capped.
-- ORDER BY the acting person, then time: rider, or driver for what a driver does alone (user_id is empty there).
--   All events of a person lie together, which answers funnels, journeys and erasure, and puts equal booking, trip
--   and payment ids, places and amounts next to each other: 53 bytes a row where (event_type, hour, user_id) has
--   71 (725,000 rows of a day, random UUIDs, of which event_id alone is 19). Reading by type and hour is what the
--   family tables are for.
-- Codecs: ZSTD(1) for all columns; a higher level gains nothing here. Delta before it for times and offsets in
--   sequence (occurred_at 2.2 bytes instead of 3.7), Gorilla for the coordinates of a moving driver (3.5 instead
--   of 4.0). Money is exact and plain: T64 makes it larger (0.9 instead of 0.5).
-- TTL: 730 days, and two more, so that no accepted row can go before its batch was counted. Whole parts only
--   (ttl_only_drop_parts), which rewrites nothing: the bound is a day, plus the merge that notices.
-- Deduplication window: it counts parts, not inserts, and is off by default without replication. A batch may be
--   delivered again for as long as the constraint `fresh` accepts it: 5 minutes, 1 minute of clock difference, and
--   the longest insert (CLICKHOUSE_TIMEOUT_SECONDS, 30 s) = 390 s. 30,000 / 390 s = 76 parts a second, sustained, in
--   one table, before a token is forgotten too early; a server that merges is in trouble at a tenth of it. The
--   time rule (Keeper only) is 3,600 s > 390 s. 60 bytes on disk and some 250 in memory each: 8 MB when full.
CREATE TABLE IF NOT EXISTS {database}.events_raw
(
    -- Envelope: the event.
    `event_id` String,
    `source` LowCardinality(String),
    `event_type` LowCardinality(String),
    `event_version` UInt8,
    `occurred_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `appended_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `ingested_at` DateTime64(3, 'UTC'),
    -- Envelope: where the record stands in Kafka, and which intent delivered it. Chain, intent, nonce,
    -- intent_offset, ingested_at and app_version are the same in all rows of a batch and cost next to nothing.
    `topic` LowCardinality(String),
    `shard` UInt16,
    `offset` UInt64 CODEC(Delta(8), ZSTD(1)),
    `chain` String,
    `intent` UInt64 CODEC(Delta(8), ZSTD(1)),
    `nonce` String,
    `intent_offset` UInt64 CODEC(Delta(8), ZSTD(1)),
    `app_version` LowCardinality(String),
    `sample_rate` Float64,
    -- Payload of all types of the domain. A column that a type lacks takes its default; NULL only where a type
    -- declares the field optional and it was not given.
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
    -- Parts are merged with their neighbours in time, so these find the newest rows whatever the sort key is.
    INDEX by_occurred_at occurred_at TYPE minmax GRANULARITY 1,
    INDEX by_ingested_at ingested_at TYPE minmax GRANULARITY 1,
    INDEX by_offset offset TYPE minmax GRANULARITY 1,
    -- An aged batch is refused here, by the clock of the moment in which the block arrives.
    CONSTRAINT fresh CHECK ingested_at BETWEEN nowInBlock64(3) - INTERVAL 5 MINUTE AND nowInBlock64(3) + INTERVAL 1 MINUTE
)
ENGINE = MergeTree
PARTITION BY toDate(occurred_at)
ORDER BY (user_id, if(user_id = '', ifNull(driver_id, ''), ''), occurred_at)
TTL toDate(occurred_at) + INTERVAL 732 DAY
SETTINGS ttl_only_drop_parts = 1,
    default_compression_codec = 'ZSTD(1)',
    non_replicated_deduplication_window = 30000,
    replicated_deduplication_window = 30000,
    replicated_deduplication_window_seconds = 3600;
