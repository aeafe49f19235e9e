"""Every Prometheus metric of the web process, one sentence each; docs/metrics.md is generated from this list."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

REQUESTS = Counter(
    "millrace_ingest_requests",
    "Requests to post events, by what they held (structured, binary, batch, ndjson, none where it was not read) and "
    "status of the answer.",
    ["mode", "status"],
    registry=REGISTRY,
)
ITEMS = Counter(
    "millrace_ingest_events",
    "Events posted, by outcome: accepted, unknown, unsent, or the reason of the refusal.",
    ["outcome"],
    registry=REGISTRY,
)
BYTES = Counter(
    "millrace_ingest_bytes",
    "Bytes of bodies, by form (received, inflated where they were compressed).",
    ["form"],
    registry=REGISTRY,
)
SECONDS = Histogram(
    "millrace_ingest_seconds",
    "Seconds from the head of a request to its answer.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
    registry=REGISTRY,
)
UNDERWAY = Gauge("millrace_ingest_underway", "Requests to post events that are being worked on.", registry=REGISTRY)
HELD = Gauge(
    "millrace_ingest_held_bytes",
    "Bytes of bodies and of records without acknowledgement that the process holds.",
    registry=REGISTRY,
)
TURNED_AWAY = Counter(
    "millrace_ingest_turned_away",
    "Requests that were answered with 429 or 503, by cause.",
    ["cause"],
    registry=REGISTRY,
)
LIMITS_LOCAL = Gauge(
    "millrace_ingest_limits_local",
    "1 while Redis is away, so that each web process counts the limits of a key for itself.",
    registry=REGISTRY,
)
KEY_LOOKUPS = Counter(
    "millrace_api_key_lookups",
    "Questions to PostgreSQL about an API key, by result (found, unknown, failed).",
    ["result"],
    registry=REGISTRY,
)
PRODUCERS = Counter(
    "millrace_ingest_producers",
    "Connections of the producer that were made: one at the start, one after each failure that it cannot go on from.",
    registry=REGISTRY,
)
UNEXPECTED = Counter(
    "millrace_web_unexpected",
    "Requests that ended by an error that nobody expected (status 500); each has a log line with its `instance`.",
    registry=REGISTRY,
)
METRIC_REQUESTS = Counter(
    "millrace_metric_requests",
    "Requests for metrics, by group of metrics and status of the answer.",
    ["group", "status"],
    registry=REGISTRY,
)
METRIC_ANSWERS = Counter(
    "millrace_metric_answers",
    "Answers about one metric, by what the cache gave (hit, stale, shared with a question under way, miss, off, or "
    "fallback while ClickHouse is away).",
    ["cache"],
    registry=REGISTRY,
)
METRIC_MISSES = Counter(
    "millrace_metric_cache_misses",
    "Questions that found no answer in the cache, by reason: new (nobody asked this process lately), moved (the data "
    "has moved on further than old answers are served), gone (Redis should have the answer, and has not).",
    ["reason"],
    registry=REGISTRY,
)
FALLBACK_WRITES = Counter(
    "millrace_metric_fallback_writes",
    "Answers for PostgreSQL, which has them for the time when ClickHouse is away, by outcome (kept, given_up).",
    ["outcome"],
    registry=REGISTRY,
)
ANALYTICS_SECONDS = Histogram(
    "millrace_analytics_seconds",
    "Seconds that ClickHouse took for a funnel, for retention, cohorts, paths or people, by the path taken.",
    ["question", "path"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
    registry=REGISTRY,
)
EXPORT_ROWS = Counter(
    "millrace_export_rows",
    "Rows of exports that were answered at once, by format.",
    ["format"],
    registry=REGISTRY,
)
METRIC_SECONDS = Histogram(
    "millrace_metric_seconds",
    "Seconds that ClickHouse took for one metric, by kind of table (aggregate, rows).",
    ["kind"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
    registry=REGISTRY,
)
