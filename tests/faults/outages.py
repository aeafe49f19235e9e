"""The table of outages in docs/operations.md: what is seen, what holds, how soon it goes on, what to do."""

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from tests.faults.results import ROOT, Met, Result

PAGE = ROOT / "docs/operations.md"
BEGIN = "<!-- Outages: written by `python -m tests.faults --report` from tests/faults/results.jsonl. -->"
END = "<!-- End of the outages. -->"


class Outage(NamedTuple):
    """One class of faults, as an operator meets it."""

    name: str
    kinds: tuple[str, ...]
    seen: str
    holds: str
    do: str


OUTAGES = (
    Outage(
        "a worker dies, hangs or is stopped",
        (
            "worker-kill",
            "worker-kill-all",
            "worker-kill-point",
            "worker-zombie",
            "worker-pause",
            "worker-restart",
            "rolling-restart",
            "scale-up",
            "scale-down",
        ),
        "its shards are `recovering` elsewhere: after `KAFKA_SESSION_TIMEOUT_SECONDS`, at once if it was stopped",
        "every row once; a batch under way is delivered again under its token",
        "let the supervisor start it again",
    ),
    Outage(
        "all workers, or ClickHouse, away for longer than `BATCH_AGE_SECONDS`",
        (
            "workers-beyond-age",
            "workers-beyond-window",
            "clickhouse-beyond-age",
            "clickhouse-half-beyond-age",
            "superseded-by-two",
            "idle-then-moved",
        ),
        "`a batch is left to age and counted`, then perhaps `superseded`; `millrace_batches_settled_total`",
        "rows and family tables once; a rollup may lack a batch until its days are made again",
        "bring the part back; `millrace reconcile --repair`, as daily",
    ),
    Outage(
        "a worker's clock jumps",
        ("worker-clock",),
        "nothing; live numbers of it may be shown as stale",
        "everything: no clock of a worker decides anything",
        "mend NTP",
    ),
    Outage(
        "versions side by side",
        ("worker-other-version", "deploy", "two-versions"),
        "shards that the newer one has had are `stopped` on older ones: `finish the upgrade`",
        "every row once, by the verdict of the version that proposed it",
        "finish the upgrade",
    ),
    Outage(
        "ClickHouse away, slow, or losing answers",
        (
            "clickhouse-kill",
            "clickhouse-pause",
            "clickhouse-refuses",
            "clickhouse-refuses-one",
            "clickhouse-cuts",
            "clickhouse-slow",
            "clickhouse-stalls",
            "clickhouse-stalls-body",
        ),
        "`insert held`, shards `waiting`, `/ready` says 503 and `clickhouse`; lag grows, memory does not",
        "every row once; topics are paused once the buffers are full",
        "bring it back",
    ),
    Outage(
        "ClickHouse's disk is full",
        ("clickhouse-disk-full", "clickhouse-no-space"),
        "the same, with ClickHouse's error 243",
        "the same; where only one table has no room, the others of its batch wait with it",
        "make room",
    ),
    Outage(
        "Kafka away, slow, or losing answers",
        (
            "broker-kill",
            "broker-pause",
            "broker-cut",
            "broker-refuses-one",
            "broker-late-append",
            "broker-cuts",
            "broker-slow",
        ),
        "`append to the log of intents has no known outcome`, shards `waiting`, `/ready` says 503 and `broker`",
        "every row once; a record appended late or twice is void",
        "bring it back",
    ),
    Outage(
        "Redis away",
        ("redis-refuses", "redis-kill"),
        "`millrace_publish_failures_total`; live numbers stand still and say how old they are",
        "rows go on; all live numbers are sent anew",
        "bring it back",
    ),
    Outage(
        "PostgreSQL away",
        ("postgres-kill",),
        "posting with an unknown API key says 503; known keys go on for `API_KEY_GRACE_SECONDS`; exports are refused, "
        "[what is not recorded says so](audit.md#while-postgresql-is-away)",
        "rows go on: no worker needs it",
        "bring it back",
    ),
    Outage(
        "producers repeat themselves, send rubbish, come late, or abort",
        ("duplicates", "poison", "late-burst", "transactions"),
        "`millrace_events_total` by outcome, `millrace_dead_letters_total` by reason",
        "repeats and aborted records make no row, rubbish becomes dead letters with its bytes",
        "`millrace dlq list`; mend the producer",
    ),
    Outage(
        "the group's offsets are lost, rewound or reset",
        ("group-rewound", "group-reset", "group-deleted", "three-from-empty"),
        "a rebalance",
        "everything: they are never read back",
        "nothing",
    ),
    Outage(
        "records that count for nothing in the log of intents, or its head is gone",
        ("intent-doubled", "intent-void", "intents-cut-head"),
        "nothing; `millrace intents show` tells which records are void, and why",
        "every row once: what ClickHouse testifies to is still there",
        "nothing",
    ),
    Outage(
        "the log of intents is lost",
        ("intents-recreated",),
        "all shards `stopped` with `LogCut`",
        "every row once; nothing is read until it is repaired",
        "stop the workers; `millrace intents repair --yes`; start them",
    ),
    Outage(
        "a source topic is lost, or records of it that nobody has taken",
        ("source-recreated", "source-cut"),
        "its shards `stopped` with `SourceCut`",
        "every row once of all that was there to be read; the repair counts the rest as lost",
        "stop the workers; `millrace intents repair --yes`, with `--skip-lost` where records are gone; start them",
    ),
    Outage(
        "an embedded broker that holds nothing, before an old data folder",
        ("broker-forgets",),
        "`the broker has forgotten: a new chain begins`",
        "the rows of before, and every new one once",
        "nothing",
    ),
    Outage(
        "maintenance",
        ("hold", "rebuild", "view-created"),
        "shards `held`; lag grows",
        "every row once, also in what was created or made again meanwhile",
        "release the hold",
    ),
)
HEAD = """
| outage | seen | holds | faults | resumed, median | resumed, worst | do |
|---|---|---|---|---|---|---|
"""


def page(results: Sequence[Result], now: str) -> str:
    """docs/operations.md, of which `now` is the present text, with the table as the results have it."""
    before, _, rest = now.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert end, f"{PAGE} has lost the line {BEGIN} or {END}"
    return f"{before}{BEGIN}\n{_table(results)}{END}{after}"


def _table(results: Sequence[Result]) -> str:
    met = [each for result in results for each in result.faults]
    rows = [_row(outage, [each for each in met if each.kind in outage.kinds]) for outage in OUTAGES]
    return HEAD + "".join(rows) + "\n"


def _row(outage: Outage, met: Sequence[Met]) -> str:
    resumed = [each.resumed for each in met if each.resumed is not None]
    usual, worst = (f"{median(resumed):.1f} s", f"{max(resumed):.1f} s") if resumed else ("", "")
    return f"| {outage.name} | {outage.seen} | {outage.holds} | {len(met)} | {usual} | {worst} | {outage.do} |\n"
