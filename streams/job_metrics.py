"""Every Prometheus metric of the scheduler, one sentence each; docs/metrics.md is generated from this list."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()
BUCKETS = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 10800.0)
"""Seconds, from a moment to hours."""

LEADING = Gauge(
    "millrace_scheduler_leading",
    "1 while this scheduler has the lease, else 0; their sum must be 1.",
    registry=REGISTRY,
)
RUNNING = Gauge("millrace_jobs_running", "Attempts that this scheduler runs.", registry=REGISTRY)
ATTEMPTS = Counter(
    "millrace_job_attempts",
    "Attempts that ended at this scheduler, by what became of the run (done, failed, waiting for another, lost).",
    ["job", "became"],
    registry=REGISTRY,
)
MISSED = Counter(
    "millrace_job_missed",
    "Times that due times of a job were passed over, since no scheduler ran.",
    ["job"],
    registry=REGISTRY,
)
SECONDS = Histogram(
    "millrace_job_seconds",
    "Seconds that an attempt took.",
    ["job"],
    buckets=BUCKETS,
    registry=REGISTRY,
)
DELAY = Histogram(
    "millrace_job_delay_seconds",
    "Seconds from the due time of a run to its first attempt.",
    ["job"],
    buckets=BUCKETS,
    registry=REGISTRY,
)
LAST_DONE = Gauge(
    "millrace_job_last_done_timestamp_seconds",
    "When a job last ended well, at whichever scheduler, in seconds since 1970: alert on its age.",
    ["job"],
    registry=REGISTRY,
)
FAILURES = Counter(
    "millrace_scheduler_failures",
    "Passes that PostgreSQL, or what is in it, put an end to.",
    registry=REGISTRY,
)
