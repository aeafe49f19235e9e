-- Every event of ticketing. Partitions, codecs, retention and deduplication as in events_raw (0001).
--
-- ORDER BY the person, then the session, then time: user_id is the key of funnels and retention; visitors without
--   one lie together by session. URLs, user agents and places repeat within a session and compress away.
CREATE TABLE IF NOT EXISTS {database}.events
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
    -- Parts are merged with their neighbours in time, so these find the newest rows whatever the sort key is.
    INDEX by_occurred_at occurred_at TYPE minmax GRANULARITY 1,
    INDEX by_ingested_at ingested_at TYPE minmax GRANULARITY 1,
    INDEX by_offset offset TYPE minmax GRANULARITY 1,
    -- An aged batch is refused here, by the clock of the moment in which the block arrives.
    CONSTRAINT fresh CHECK ingested_at BETWEEN nowInBlock64(3) - INTERVAL 5 MINUTE AND nowInBlock64(3) + INTERVAL 1 MINUTE
)
ENGINE = MergeTree
PARTITION BY toDate(occurred_at)
ORDER BY (ifNull(user_id, ''), ifNull(session_id, ''), occurred_at)
TTL toDate(occurred_at) + INTERVAL 732 DAY
SETTINGS ttl_only_drop_parts = 1,
    default_compression_codec = 'ZSTD(1)',
    non_replicated_deduplication_window = 30000,
    replicated_deduplication_window = 30000,
    replicated_deduplication_window_seconds = 3600;
