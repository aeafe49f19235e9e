"""Every curve, in the order in which they are measured and told."""

from collections.abc import Mapping

from bench.curves import stages, stores, viewers, workers
from bench.curves.curve import Curve, Plot, Size
from bench.stages import STAGES

SPEED = Plot(
    "Events a second of one worker",
    "events/s",
    {"worker_events_per_core_second": "by its CPU", "wall_events_per_second": "by the clock"},
)
BACKLOG: Mapping[Size, float] = {"small": 40.0, "full": 50.0}
"""Seconds of a point with a backlog: start, send, drain, stop."""

CURVES = (
    Curve(
        "stages",
        "rows of a batch at most",
        {"small": (1_000, 10_000), "full": (500, 1_000, 2_500, 5_000, 10_000, 50_000)},
        stages.batch,
        (Plot("Cost of each stage", "us of CPU an event", {f"stages/{name}": name for name in STAGES}),),
        {"small": 8.0, "full": 20.0},
        "The stages of a worker without broker and store (`bench/stages.py`): what a batch costs beside its events "
        "shows at the left.",
    ),
    Curve(
        "batch_rows",
        "rows of a batch at most",
        {"small": (5_000, 50_000), "full": (1_000, 5_000, 20_000, 50_000)},
        workers.batch_rows,
        (
            SPEED,
            Plot("ClickHouse's CPU", "us an event", {"clickhouse_cpu_microseconds_per_event": "ClickHouse"}),
        ),
        BACKLOG,
        "`BATCH_ROWS`, with every guarantee, all windows, all families and rollups.",
    ),
    Curve(
        "partitions",
        "partitions of each topic",
        {"small": (1, 4), "full": (1, 2, 4, 8)},
        workers.partitions,
        (SPEED,),
        BACKLOG,
        "All of them at one worker: a shard has a log of intents, a batch and windows of its own.",
    ),
    Curve(
        "window_keys",
        "keys of windows and sessions in memory",
        {"small": (1_000, 50_000), "full": (1_000, 10_000, 50_000, 250_000)},
        workers.window_keys,
        (
            SPEED,
            Plot("Memory against keys", "MB", {"peak_megabytes_draining": "one worker"}),
        ),
        BACKLOG,
        "Copies of more and more different events, under ids of their own: more people, cities and cells.",
        measured="window_keys",
    ),
    Curve(
        "event_bytes",
        "bytes of an event",
        {"small": (0, 1_000), "full": (0, 500, 1_000, 4_000)},
        workers.event_bytes,
        (SPEED,),
        BACKLOG,
        "Events are made longer by a field that no declaration names; it is read past.",
        measured="bytes_per_event",
    ),
    Curve(
        "bad_share",
        "share of events that are refused",
        {"small": (0.0, 0.1), "full": (0.0, 0.01, 0.05, 0.2)},
        workers.bad_share,
        (SPEED,),
        BACKLOG,
        "Of all 21 faults of the generated world alike; each becomes a dead letter with its reason.",
    ),
    Curve(
        "workers",
        "workers",
        {"small": (1, 2), "full": (1, 2)},
        workers.workers,
        (
            Plot(
                "Events a second of workers together",
                "events/s",
                {"wall_events_per_second": "by the clock", "worker_events_per_core_second": "by their CPU"},
            ),
        ),
        BACKLOG,
        "Four partitions, on the same two cores as broker and ClickHouse: by the clock they share what is there; by "
        "CPU it shows whether a second worker costs the first one anything.",
    ),
    Curve(
        "load",
        "events a second that are sent",
        {"small": (2_000, 10_000), "full": (1_000, 5_000, 10_000, 20_000, 35_000, 50_000)},
        workers.load,
        (
            Plot(
                "Record to queryable row",
                "seconds",
                {
                    "freshness_median_seconds": "p50",
                    "freshness_p95_seconds": "p95",
                    "freshness_p99_seconds": "p99",
                },
            ),
            Plot("Worker CPU", "cores", {"steady_cpu_share": "one worker"}),
        ),
        {"small": 50.0, "full": 70.0},
        "A steady load into topics of one partition each. Percentiles are those of records, as exact as the buckets of "
        "`millrace_freshness_seconds`. Where fewer events are taken than are sent, it is saturated.",
    ),
    Curve(
        "lag",
        "events that wait in the topics",
        {"small": (50_000, 150_000), "full": (100_000, 500_000, 1_500_000)},
        workers.lag,
        (Plot("Memory against lag", "MB", {"peak_megabytes_draining": "one worker"}),),
        {"small": 40.0, "full": 80.0},
        "The most memory of one worker while it drains a backlog, with windows, sessions and the ids of duplicates.",
    ),
    Curve(
        "recovery",
        "keys of windows of one shard",
        {"small": (10_000, 50_000), "full": (30_000, 200_000, 1_000_000)},
        stores.cells,
        (Plot("Counting open windows again", "seconds", {"seconds": "by the clock", "cpu_seconds": "worker CPU"}),),
        {"small": 20.0, "full": 45.0},
        "What a shard waits for after a crash before it goes on (`bench/recovery.py`).",
        measured="keys",
    ),
    Curve(
        "rows",
        "raw rows",
        {"small": (100_000, 300_000), "full": (1_000_000, 5_000_000, 20_000_000)},
        stores.rows,
        (
            Plot(
                "Questions of people, without caches",
                "ms",
                {
                    "median_ms": "p50, middle question",
                    "p95_ms": "p95, middle question",
                    "slowest_p95_ms": "p95, slowest",
                },
            ),
        ),
        {"small": 90.0, "full": 1_020.0},
        "All questions of `bench/queries` over thirty days of events.",
        measured="rows",
    ),
    Curve(
        "viewers",
        "boards that are open",
        {"small": (1, 5), "full": (1, 5, 25)},
        viewers.count,
        (
            Plot("Answers that the cache had", "share", {"served_share": "hit, stale or shared"}),
            Plot("Time of an answer", "ms", {"median_ms": "p50", "p95_ms": "p95"}),
        ),
        {"small": 60.0, "full": 100.0},
        "A board of ten panels, one for each group of metrics, that asks again every five seconds, while 500 events a "
        "second come in.",
    ),
)
