-- Page views and ticket sales, filled by views from `events`; see 0004 for the rules of views.
--
-- page_views ORDER BY hour, session, time: traffic is asked by the hour and sessions stay together within it.
-- ticket_sales ORDER BY organizer, ticketed event, type, time: sales are asked by whose they are. It holds what
--   moves money: purchases and refunds; a check-in stands in `events` alone.
CREATE TABLE IF NOT EXISTS {database}.page_views
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
ENGINE = MergeTree
PARTITION BY toDate(occurred_at)
ORDER BY (toStartOfHour(occurred_at), ifNull(session_id, ''), occurred_at)
TTL toDate(occurred_at) + INTERVAL 732 DAY
SETTINGS ttl_only_drop_parts = 1,
    default_compression_codec = 'ZSTD(1)',
    non_replicated_deduplication_window = 30000,
    replicated_deduplication_window = 30000,
    replicated_deduplication_window_seconds = 3600;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.page_views_mv TO {database}.page_views AS
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
    `session_id`,
    `user_id`,
    `country`,
    `region`,
    `city`,
    `url`,
    `referrer`,
    `duration_ms`,
    `device_type`,
    `browser`,
    `os`
FROM {database}.events
WHERE event_type IN ('page.viewed');

CREATE TABLE IF NOT EXISTS {database}.ticket_sales
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
ENGINE = MergeTree
PARTITION BY toDate(occurred_at)
ORDER BY (organizer_id, ticketed_event_id, event_type, occurred_at)
TTL toDate(occurred_at) + INTERVAL 732 DAY
SETTINGS ttl_only_drop_parts = 1,
    default_compression_codec = 'ZSTD(1)',
    non_replicated_deduplication_window = 30000,
    replicated_deduplication_window = 30000,
    replicated_deduplication_window_seconds = 3600;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.ticket_sales_mv TO {database}.ticket_sales AS
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
    `session_id`,
    `user_id`,
    `country`,
    `region`,
    `city`,
    `ticketed_event_id`,
    `organizer_id`,
    `order_id`,
    `line`,
    `ticket_type_id`,
    `quantity`,
    `unit_price`,
    `fees`,
    `discount`,
    `amount`,
    `currency`,
    `payment_method`,
    `promo_code`,
    `refund_amount`,
    `reason`,
    `purchased_at`,
    `device_type`,
    `browser`,
    `os`
FROM {database}.events
WHERE event_type IN ('ticket.purchased', 'ticket.refunded');
