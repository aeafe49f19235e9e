-- Rollups of ride sharing; see 0012 for the rules, and for the tables that both domains share.
--
-- Percentiles are read from histograms (clickhouse/histogram.py): how often each value came, rounded to seven binary
--   digits, so within 0.8 %. A map is the same in whatever order it was merged, and a reconciliation can hold it to
--   the raw rows. It is read for a tenth of the CPU of a DDSketch (docs/decisions/0022-rollups.md).

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.events_hourly_rides_mv TO {database}.events_hourly AS
SELECT
    toStartOfFifteenMinutes(block.occurred_at) AS bucket,
    'rides' AS domain,
    block.event_type AS event_type,
    count() AS events,
    sum(if(block.sample_rate > 0, 1 / block.sample_rate, 1)) AS weight,
    uniqCombined64State(14)(
        sipHash64(if(block.user_id != '', block.user_id, ifNull(block.driver_id, '')))
    ) AS people
FROM {database}.events_raw AS block
GROUP BY bucket, domain, event_type;

-- Everybody who did something but send a position. A driver's id is that person's user id, so merging `users` and
-- `drivers` counts people. Only user events carry a place and a channel, and only they are told apart by type: all
-- others of a bucket are one row, of the type ''. A state costs by its people, and somebody who rides is in eight
-- types within the hour (docs/decisions/0022-rollups.md); how often each type came is in events_hourly.
CREATE TABLE IF NOT EXISTS {database}.daily_users
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
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (bucket, country, city, channel, event_type)
TTL toDate(bucket) + INTERVAL 732 DAY
SETTINGS ttl_only_drop_parts = 1,
    default_compression_codec = 'ZSTD(1)',
    non_replicated_deduplication_window = 30000,
    replicated_deduplication_window = 30000,
    replicated_deduplication_window_seconds = 3600;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.daily_users_mv TO {database}.daily_users AS
SELECT
    toStartOfFifteenMinutes(block.occurred_at) AS bucket,
    if(startsWith(block.event_type, 'user.'), toString(block.event_type), '') AS event_type,
    block.country AS country,
    block.city AS city,
    block.channel AS channel,
    count() AS events,
    uniqCombined64StateIf(14)(sipHash64(block.user_id), block.user_id != '') AS users,
    uniqCombined64StateIf(14)(sipHash64(ifNull(block.driver_id, '')), ifNull(block.driver_id, '') != '') AS drivers
FROM {database}.events_raw AS block
WHERE block.event_type NOT IN ('driver.location.updated')
GROUP BY bucket, event_type, country, city, channel;

-- What became of bookings is told by when they were created (`created_bucket`), what happened by `bucket`.
CREATE TABLE IF NOT EXISTS {database}.hourly_bookings
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
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (bucket, currency, event_type, pickup_city, pickup_zone, cancelled_by, created_bucket)
TTL toDate(bucket) + INTERVAL 732 DAY
SETTINGS ttl_only_drop_parts = 1,
    default_compression_codec = 'ZSTD(1)',
    non_replicated_deduplication_window = 30000,
    replicated_deduplication_window = 30000,
    replicated_deduplication_window_seconds = 3600;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.hourly_bookings_mv TO {database}.hourly_bookings AS
SELECT
    toStartOfFifteenMinutes(block.occurred_at) AS bucket,
    toStartOfFifteenMinutes(
        if(block.event_type = 'booking.created', block.occurred_at, block.created_at)
    ) AS created_bucket,
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
FROM {database}.events_raw AS block
WHERE block.event_type IN ('booking.created', 'booking.confirmed', 'booking.cancelled', 'booking.completed')
GROUP BY bucket, created_bucket, event_type, pickup_city, pickup_zone, cancelled_by, currency;

-- Milliseconds from initiated to success: their sum, with `events` as its count, and a histogram for p50 and p95.
CREATE TABLE IF NOT EXISTS {database}.hourly_payments
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
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (bucket, currency, event_type, method, gateway, error_code)
TTL toDate(bucket) + INTERVAL 732 DAY
SETTINGS ttl_only_drop_parts = 1,
    default_compression_codec = 'ZSTD(1)',
    non_replicated_deduplication_window = 30000,
    replicated_deduplication_window = 30000,
    replicated_deduplication_window_seconds = 3600;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.hourly_payments_mv TO {database}.hourly_payments AS
WITH
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
    sumMapIf(
        map(toUInt32(round(milliseconds / width) * width), toUInt64(1)),
        block.event_type = 'payment.success'
    ) AS processing
FROM {database}.events_raw AS block
WHERE block.event_type IN ('payment.initiated', 'payment.success', 'payment.failed', 'payment.refunded')
GROUP BY bucket, event_type, currency, method, gateway, error_code;

-- As hourly_bookings: completion is told by when trips were started. Averages are sums with their counts.
CREATE TABLE IF NOT EXISTS {database}.daily_trips
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
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (bucket, currency, event_type, pickup_city, pickup_zone, cancelled_by, started_bucket)
TTL toDate(bucket) + INTERVAL 732 DAY
SETTINGS ttl_only_drop_parts = 1,
    default_compression_codec = 'ZSTD(1)',
    non_replicated_deduplication_window = 30000,
    replicated_deduplication_window = 30000,
    replicated_deduplication_window_seconds = 3600;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.daily_trips_mv TO {database}.daily_trips AS
WITH
    least(block.duration_s, 2147483648) AS seconds,
    exp2(greatest(0, floor(log2(seconds)) - 6)) AS width
SELECT
    toStartOfFifteenMinutes(block.occurred_at) AS bucket,
    toStartOfFifteenMinutes(
        if(block.event_type = 'trip.started', block.occurred_at, ifNull(block.started_at, block.occurred_at))
    ) AS started_bucket,
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
    sumMapIf(
        map(toUInt32(round(seconds / width) * width), toUInt64(1)),
        block.event_type = 'trip.completed'
    ) AS duration
FROM {database}.events_raw AS block
WHERE block.event_type IN ('trip.started', 'trip.completed', 'trip.cancelled')
GROUP BY bucket, started_bucket, event_type, pickup_city, pickup_zone, cancelled_by, currency;

-- ORDER BY driver: asked for one of them, or for all over a period.
CREATE TABLE IF NOT EXISTS {database}.driver_earnings
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
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (driver_id, currency, event_type, cancelled_by, bucket)
TTL toDate(bucket) + INTERVAL 732 DAY
SETTINGS ttl_only_drop_parts = 1,
    default_compression_codec = 'ZSTD(1)',
    non_replicated_deduplication_window = 30000,
    replicated_deduplication_window = 30000,
    replicated_deduplication_window_seconds = 3600;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.driver_earnings_mv TO {database}.driver_earnings AS
SELECT
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
FROM {database}.events_raw AS block
WHERE block.event_type IN ('trip.started', 'trip.completed', 'trip.cancelled')
GROUP BY bucket, driver_id, event_type, cancelled_by, currency;

-- A route by its id, else by its pair of zones. Seats of route.created are those offered.
CREATE TABLE IF NOT EXISTS {database}.popular_routes
(
    `bucket` DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    `event_type` LowCardinality(String),
    `route_id` String,
    `pickup_zone` LowCardinality(String),
    `dropoff_zone` LowCardinality(String),
    `events` SimpleAggregateFunction(sum, UInt64),
    `seats` SimpleAggregateFunction(sum, UInt64)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (bucket, event_type, route_id, pickup_zone, dropoff_zone)
TTL toDate(bucket) + INTERVAL 732 DAY
SETTINGS ttl_only_drop_parts = 1,
    default_compression_codec = 'ZSTD(1)',
    non_replicated_deduplication_window = 30000,
    replicated_deduplication_window = 30000,
    replicated_deduplication_window_seconds = 3600;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.popular_routes_mv TO {database}.popular_routes AS
SELECT
    toStartOfFifteenMinutes(block.occurred_at) AS bucket,
    block.event_type AS event_type,
    ifNull(block.route_id, '') AS route_id,
    if(ifNull(block.route_id, '') = '', toString(block.pickup_zone), '') AS pickup_zone,
    if(ifNull(block.route_id, '') = '', toString(block.dropoff_zone), '') AS dropoff_zone,
    count() AS events,
    sum(ifNull(block.seats, 0)) AS seats
FROM {database}.events_raw AS block
WHERE block.event_type IN (
    'booking.created', 'booking.confirmed', 'booking.cancelled', 'trip.completed',
    'route.created'
)
GROUP BY bucket, event_type, route_id, pickup_zone, dropoff_zone;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.geographic_metrics_rides_mv TO {database}.geographic_metrics AS
SELECT
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
FROM {database}.events_raw AS block
WHERE block.event_type IN (
    'booking.created', 'booking.cancelled', 'trip.completed', 'payment.success',
    'payment.refunded'
)
GROUP BY bucket, domain, country, region, city, zone, event_type, currency;
