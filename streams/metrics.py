"""Every Prometheus metric of the worker, one sentence each; docs/metrics.md is generated from this list."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from streams import http_metrics, job_metrics
from streams.errors import Invariant
from streams.records_histogram import RecordsHistogram

REGISTRY = CollectorRegistry()

_STAGE_BUCKETS = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
_INSERT_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_FRESHNESS_BUCKETS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 5.0, 10.0, 30.0, 60.0, 300.0)
_SIZE_BUCKETS = (1, 10, 100, 1_000, 5_000, 10_000, 25_000, 50_000, 100_000)

EVENTS = Counter(
    "millrace_events",
    "Records that a valid intent has taken, by event type and outcome (row, duplicate, sampled_out, suppressed, "
    "dead_letter).",
    ["type", "outcome"],
    registry=REGISTRY,
)
DEAD_LETTERS = Counter(
    "millrace_dead_letters",
    "Dead letters acknowledged by the dead-letter topic, by reason.",
    ["reason"],
    registry=REGISTRY,
)
UNKNOWN_FIELDS = Counter(
    "millrace_unknown_fields",
    "Fields that no declaration names, by event type; estimated from one event in a hundred.",
    ["type"],
    registry=REGISTRY,
)
KEYS_MISPLACED = Counter(
    "millrace_keys_misplaced",
    "Events, of those looked at (one a chunk), that lie on another partition than murmur2 of their key says.",
    ["topic"],
    registry=REGISTRY,
)
BATCHES = Counter(
    "millrace_batches",
    "Batches whose rows ClickHouse has acknowledged, by kind (new, second).",
    ["kind"],
    registry=REGISTRY,
)
BATCH_ROWS = Histogram("millrace_batch_rows", "Rows of one batch.", buckets=_SIZE_BUCKETS, registry=REGISTRY)
BATCH_BYTES = Counter("millrace_batch_bytes", "Source bytes of delivered batches.", registry=REGISTRY)
STAGE_SECONDS = Counter(
    "millrace_stage_seconds",
    "Seconds spent in each stage of the pipeline (decode, judge, render, intent, deliver, windows).",
    ["stage"],
    registry=REGISTRY,
)
INSERT_SECONDS = Histogram(
    "millrace_insert_seconds", "Seconds of one insert, by table.", ["table"], buckets=_INSERT_BUCKETS, registry=REGISTRY
)
FRESHNESS_SECONDS = RecordsHistogram(
    "millrace_freshness_seconds",
    "Record timestamp to queryable row, of every record that gave a row.",
    buckets=_FRESHNESS_BUCKETS,
    registry=REGISTRY,
)
FRESHNESS_P95 = Gauge(
    "millrace_batch_freshness_p95_seconds",
    "Record timestamp to queryable row, p95 of the last batch.",
    registry=REGISTRY,
)
FRESHNESS_MAX = Gauge(
    "millrace_batch_freshness_max_seconds",
    "Record timestamp to queryable row, oldest record of the last batch.",
    registry=REGISTRY,
)
EVENT_AGE_P95 = Gauge(
    "millrace_batch_event_age_p95_seconds", "Event time to queryable row, p95 of the last batch.", registry=REGISTRY
)
LAG = Gauge(
    "millrace_lag_records",
    "Records of the topic that no valid intent has taken yet.",
    ["topic", "shard"],
    registry=REGISTRY,
)
SHARD_STATE = Gauge(
    "millrace_shard_state",
    "1 for the state that each shard is in (held, recovering, running, closed, waiting, stopped).",
    ["shard", "state"],
    registry=REGISTRY,
)
BUFFERED = Gauge("millrace_buffered_bytes", "Source bytes that the shards hold undelivered.", registry=REGISTRY)
PAUSED = Counter("millrace_pauses", "Times a shard paused its topics because its buffer was full.", registry=REGISTRY)
SOUGHT_BACK = Counter(
    "millrace_positions_sought_back",
    "Fetch positions put back to what the shard holds, by cause (gap, audit).",
    ["cause"],
    registry=REGISTRY,
)
HELD = Counter(
    "millrace_held",
    "Tries refused because a part was away: of an insert (clickhouse), or of all that a shard does (shard).",
    ["part"],
    registry=REGISTRY,
)
SETTLED = Counter("millrace_batches_settled", "Batches that were left to age and counted.", registry=REGISTRY)
SUPERSEDED = Counter("millrace_batches_superseded", "Batches that a superseding record completed.", registry=REGISTRY)
VOID_INTENTS = Counter("millrace_void_intents", "Records of the log of intents that were not valid.", registry=REGISTRY)
RECOVERIES = Counter("millrace_recoveries", "Times a shard was recovered.", registry=REGISTRY)
WATERMARK = Gauge(
    "millrace_watermark_seconds",
    "Event time, in seconds since 1970, below which a shard expects only late events.",
    ["shard"],
    registry=REGISTRY,
)
WINDOWS_LINES = Gauge("millrace_windows_lines", "Keys of panes in memory.", ["shard"], registry=REGISTRY)
SESSIONS = Gauge(
    "millrace_sessions",
    "Sessions in memory: `active` ones, and those that have `ended` and could still be changed by a late event.",
    ["shard", "state"],
    registry=REGISTRY,
)
WINDOWS_LATE = Counter(
    "millrace_windows_late_events",
    "Times that an event came too late for a window; it is stored all the same.",
    registry=REGISTRY,
)
WINDOWS_KEPT = Counter(
    "millrace_windows_kept", "Closed windows and corrections written to ClickHouse.", registry=REGISTRY
)
WINDOWS_KEPT_TO = Gauge(
    "millrace_windows_kept_to_seconds",
    "Event time, in seconds since 1970, below which all that is over is in metrics_realtime.",
    ["shard"],
    registry=REGISTRY,
)
WINDOWS_REBUILD_SECONDS = Histogram(
    "millrace_windows_rebuild_seconds",
    "Seconds to count a shard's open windows again from ClickHouse.",
    buckets=_INSERT_BUCKETS,
    registry=REGISTRY,
)
PUBLISH_FAILURES = Counter(
    "millrace_publish_failures", "Times that live numbers could not be sent to Redis.", registry=REGISTRY
)
INVARIANTS = Counter(
    "millrace_invariants_broken",
    f"Must stay 0: what must never be seen, by invariant ({', '.join(Invariant)}).",
    ["invariant"],
    registry=REGISTRY,
)
for _invariant in Invariant:
    INVARIANTS.labels(_invariant)
ALERTS_FIRING = Gauge(
    "millrace_alerts_firing",
    "Alerts that are not over, by rule; more than one where it has a key.",
    ["rule"],
    registry=REGISTRY,
)
ALERT_TRANSITIONS = Counter(
    "millrace_alert_transitions",
    "Alerts that began or ended, by rule and status (firing, recovered).",
    ["rule", "status"],
    registry=REGISTRY,
)
ALERTS_UNSENT = Gauge(
    "millrace_alerts_unsent",
    "Alerts that could not be told yet and are tried again, by where to (topic, webhook).",
    ["to"],
    registry=REGISTRY,
)
WEBHOOK_FAILURES = Counter(
    "millrace_alert_webhook_failures",
    "Posts to the alert webhook that failed, retries included, by cause (unreachable, overloaded, refused, internal).",
    ["cause"],
    registry=REGISTRY,
)
for _name in ("unreachable", "overloaded", "refused", "internal"):
    WEBHOOK_FAILURES.labels(_name)


def reference() -> str:
    """The text of docs/metrics.md."""
    lines = [
        "<!-- Written by `make docs` from streams/metrics.py, http_metrics.py and job_metrics.py. -->",
        "# Metrics",
        "",
        "Every worker serves these on `/metrics` of its own port. Units are seconds, bytes and counts.",
        "`millrace_invariants_broken_total` must stay 0: alert on anything else.",
        "",
        *_table(globals()),
        "",
        "Every web process serves these on `/metrics` of `API_PORT`.",
        "",
        *_table(vars(http_metrics)),
        "",
        "Every scheduler serves these on `/metrics` of `SCHEDULER_PORT`.",
        "",
        *_table(vars(job_metrics)),
    ]
    return "\n".join(lines) + "\n"


def _table(names: Mapping[str, object]) -> list[str]:
    """A line for each metric of a module."""
    lines = ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    for metric in names.values():
        if isinstance(metric, MetricWrapperBase):
            (family,) = metric.describe()
            name = family.name + ("_total" if family.type == "counter" else "")
            labels = ", ".join(f"`{label}`" for label in metric._labelnames)
            lines.append(f"| `{name}` | {family.type} | {labels} | {family.documentation} |")
    return lines


@contextmanager
def timed(stage: str) -> Iterator[None]:
    """Add the time spent in a stage to STAGE_SECONDS."""
    started = time.perf_counter()
    try:
        yield
    finally:
        STAGE_SECONDS.labels(stage).inc(time.perf_counter() - started)
