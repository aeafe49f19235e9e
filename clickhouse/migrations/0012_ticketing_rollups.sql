-- Rollups of ticketing: what the stream feeds beside the families, small enough to be read whole.
--
-- 15-minute buckets in UTC, whatever the name of a view says: all zones of the world lie a multiple of 15 minutes from
--   UTC, so a reader cuts hours and days in its own. Read with GROUP BY and sum or -Merge: unmerged parts always exist.
-- Views hang off the raw table, never off a family: a token then reaches a target by one way, and a target that lacks a
--   block takes it on the retry. No expression in a view can throw; money is Decimal and one row has one currency.
-- One row a type of event: few measures serve all types (`amount` of ticket.purchased, `events` of event.viewed), and a view
--   costs by its expressions: 17 conditional ones take 4 ms an insert to plan, 6 plain ones take 1.5 ms.
-- Sums stand beside their counts, never averages. `events` counts rows, `weight` what they stand for (sampled types).
-- Distinct counts are uniqCombined64(14) of a 64-bit hash: exact to some 500 in a state, then 0.8 % off on average
--   (2 % the worst of 20) in 12.5 KB. `uniq` takes 120 KB at 30,000; uniqCombined64(12) and uniqHLL12 are 1.4 % off (4.5 %
--   the worst), and inexact from 300 on. The same set gives the same number in whatever order it was merged.
-- PARTITION BY month: a rollup is small, and a rebuild swaps one partition. ORDER BY time, so that a question reads its
--   period and no more; only what is asked about one id lies by that id. `make bench ARGS='keys'` holds the one beside the
--   other: by time the sketches of one moment are neighbours too, and take half of the disk (docs/store.md).
-- TTL as the raw rows, from which a rollup can be made again. Deduplication window as in 0001: a target forgets no
--   token that its source still takes.

-- Both domains; 0013 adds the view of ride sharing.
CREATE TABLE IF NOT EXISTS {database}.events_hourly
(
    `bucket` DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    `domain` LowCardinality(String),
    `event_type` LowCardinality(String),
    `events` SimpleAggregateFunction(sum, UInt64),
    `weight` SimpleAggregateFunction(sum, Float64),
    `people` AggregateFunction(uniqCombined64(14), UInt64),
    `sessions` AggregateFunction(uniqCombined64(14), UInt64)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (bucket, domain, event_type)
TTL toDate(bucket) + INTERVAL 732 DAY
SETTINGS ttl_only_drop_parts = 1,
    default_compression_codec = 'ZSTD(1)',
    non_replicated_deduplication_window = 30000,
    replicated_deduplication_window = 30000,
    replicated_deduplication_window_seconds = 3600;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.events_hourly_mv TO {database}.events_hourly AS
SELECT
    toStartOfFifteenMinutes(block.occurred_at) AS bucket,
    'ticketing' AS domain,
    block.event_type AS event_type,
    count() AS events,
    sum(if(block.sample_rate > 0, 1 / block.sample_rate, 1)) AS weight,
    uniqCombined64State(14)(sipHash64(ifNull(block.user_id, ifNull(block.session_id, '')))) AS people,
    uniqCombined64StateIf(14)(sipHash64(ifNull(block.session_id, '')), block.session_id IS NOT NULL) AS sessions
FROM {database}.events AS block
GROUP BY bucket, domain, event_type;

-- ORDER BY organizer: a report is about one of them. Types without money have no currency.
CREATE TABLE IF NOT EXISTS {database}.organizer_daily_metrics
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
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (organizer_id, currency, event_type, bucket)
TTL toDate(bucket) + INTERVAL 732 DAY
SETTINGS ttl_only_drop_parts = 1,
    default_compression_codec = 'ZSTD(1)',
    non_replicated_deduplication_window = 30000,
    replicated_deduplication_window = 30000,
    replicated_deduplication_window_seconds = 3600;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.organizer_daily_metrics_mv TO {database}.organizer_daily_metrics AS
SELECT
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
FROM {database}.events AS block
WHERE block.event_type IN (
    'event.viewed', 'event.shared', 'event.favorited', 'ticket.selected',
    'checkout.started', 'ticket.purchased', 'ticket.refunded', 'ticket.checked_in'
)
GROUP BY bucket, organizer_id, event_type, currency;

-- ORDER BY ticketed event: asked for one of them; its organizer follows from it and only says whose it is.
CREATE TABLE IF NOT EXISTS {database}.event_performance
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
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (ticketed_event_id, currency, event_type, bucket, organizer_id)
TTL toDate(bucket) + INTERVAL 732 DAY
SETTINGS ttl_only_drop_parts = 1,
    default_compression_codec = 'ZSTD(1)',
    non_replicated_deduplication_window = 30000,
    replicated_deduplication_window = 30000,
    replicated_deduplication_window_seconds = 3600;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.event_performance_mv TO {database}.event_performance AS
SELECT
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
FROM {database}.events AS block
WHERE block.event_type IN (
    'event.viewed', 'event.shared', 'event.favorited', 'ticket.selected',
    'checkout.started', 'ticket.purchased', 'ticket.refunded', 'ticket.checked_in'
)
GROUP BY bucket, ticketed_event_id, organizer_id, event_type, currency;

-- The type is the step. People who reached it, in whatever order; who went through the steps in their order is a question
-- to `events`, which lies by person.
CREATE TABLE IF NOT EXISTS {database}.user_funnel
(
    `bucket` DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    `event_type` LowCardinality(String),
    `device_type` LowCardinality(String),
    `country` LowCardinality(String),
    `events` SimpleAggregateFunction(sum, UInt64),
    `people` AggregateFunction(uniqCombined64(14), UInt64),
    `sessions` AggregateFunction(uniqCombined64(14), UInt64)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (bucket, event_type, device_type, country)
TTL toDate(bucket) + INTERVAL 732 DAY
SETTINGS ttl_only_drop_parts = 1,
    default_compression_codec = 'ZSTD(1)',
    non_replicated_deduplication_window = 30000,
    replicated_deduplication_window = 30000,
    replicated_deduplication_window_seconds = 3600;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.user_funnel_mv TO {database}.user_funnel AS
SELECT
    toStartOfFifteenMinutes(block.occurred_at) AS bucket,
    block.event_type AS event_type,
    block.device_type AS device_type,
    ifNull(block.country, '') AS country,
    count() AS events,
    uniqCombined64State(14)(sipHash64(ifNull(block.user_id, ifNull(block.session_id, '')))) AS people,
    uniqCombined64StateIf(14)(sipHash64(ifNull(block.session_id, '')), block.session_id IS NOT NULL) AS sessions
FROM {database}.events AS block
WHERE block.event_type IN ('page.viewed', 'event.viewed', 'ticket.selected', 'checkout.started', 'ticket.purchased')
GROUP BY bucket, event_type, device_type, country;

-- Five minutes: the last hours are all that is asked.
CREATE TABLE IF NOT EXISTS {database}.realtime_dashboard
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
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (bucket, event_type, currency)
TTL toDate(bucket) + INTERVAL 732 DAY
SETTINGS ttl_only_drop_parts = 1,
    default_compression_codec = 'ZSTD(1)',
    non_replicated_deduplication_window = 30000,
    replicated_deduplication_window = 30000,
    replicated_deduplication_window_seconds = 3600;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.realtime_dashboard_mv TO {database}.realtime_dashboard AS
SELECT
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
FROM {database}.events AS block
WHERE block.event_type IN (
    'page.viewed', 'event.viewed', 'event.searched', 'checkout.started',
    'ticket.purchased', 'ticket.refunded'
)
GROUP BY bucket, event_type, currency;

-- Both domains; 0013 adds the view of ride sharing. Where the visitor is; where a ride was picked up, with the state as
-- `region`.
CREATE TABLE IF NOT EXISTS {database}.geographic_metrics
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
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (bucket, domain, country, region, city, zone, event_type, currency)
TTL toDate(bucket) + INTERVAL 732 DAY
SETTINGS ttl_only_drop_parts = 1,
    default_compression_codec = 'ZSTD(1)',
    non_replicated_deduplication_window = 30000,
    replicated_deduplication_window = 30000,
    replicated_deduplication_window_seconds = 3600;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.geographic_metrics_mv TO {database}.geographic_metrics AS
SELECT
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
FROM {database}.events AS block
WHERE block.event_type IN (
    'page.viewed', 'event.viewed', 'event.searched', 'checkout.started',
    'ticket.purchased', 'ticket.refunded'
)
GROUP BY bucket, domain, country, region, city, zone, event_type, currency;

CREATE TABLE IF NOT EXISTS {database}.device_analytics
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
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (bucket, device_type, os, browser, event_type)
TTL toDate(bucket) + INTERVAL 732 DAY
SETTINGS ttl_only_drop_parts = 1,
    default_compression_codec = 'ZSTD(1)',
    non_replicated_deduplication_window = 30000,
    replicated_deduplication_window = 30000,
    replicated_deduplication_window_seconds = 3600;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.device_analytics_mv TO {database}.device_analytics AS
SELECT
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
FROM {database}.events AS block
WHERE block.event_type IN (
    'page.viewed', 'event.viewed', 'event.searched', 'ticket.selected',
    'checkout.started', 'ticket.purchased'
)
GROUP BY bucket, device_type, os, browser, event_type;

-- A refund has a reason and no payment method.
CREATE TABLE IF NOT EXISTS {database}.revenue_analytics
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
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (bucket, currency, event_type, payment_method, reason, promoted)
TTL toDate(bucket) + INTERVAL 732 DAY
SETTINGS ttl_only_drop_parts = 1,
    default_compression_codec = 'ZSTD(1)',
    non_replicated_deduplication_window = 30000,
    replicated_deduplication_window = 30000,
    replicated_deduplication_window_seconds = 3600;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.revenue_analytics_mv TO {database}.revenue_analytics AS
SELECT
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
FROM {database}.events AS block
WHERE block.event_type IN ('ticket.purchased', 'ticket.refunded')
GROUP BY bucket, event_type, currency, payment_method, reason, promoted;
