"""The part of docs/performance.md that plans: what a rate needs, how that comes about, and what limits next."""

from collections.abc import Callable
from typing import Any

from bench.sizing import COPIES, GROUP_USE, NODE_CORES, REPLICAS, STORE_USE, WORKER_USE, Costs, Plan, plan
from bench.store_page import markdown, number

Result = dict[str, Any]
MILLION = 1_000_000.0
RATES = (10_000.0, 100_000.0, MILLION, 100 * MILLION)
"""Events a second that the page plans for."""
HOT_DAYS = 90


def sizing(cost: Costs) -> str:
    """What each rate needs."""
    plans = [plan(rate, cost) for rate in RATES]

    def row(words: str, told: Callable[[Plan], str]) -> tuple[str, ...]:
        return (words, *(told(each) for each in plans))

    rows = [
        row("cells: Kafka cluster, group and ClickHouse cluster of their own", lambda p: f"{p.cells}"),
        row("workers, a core each", lambda p: f"{p.workers:,}"),
        row("memory of all workers, GB", lambda p: number(p.workers * cost.worker_megabytes / 1024)),
        row("partitions of each topic, in a cell", lambda p: f"{p.partitions:,}"),
        row("seconds between batches of a shard", lambda p: number(p.batch_seconds)),
        row("rows of a batch", lambda p: f"{p.batch_rows:,.0f}"),
        row("ClickHouse cores busy with inserts", lambda p: number(p.store_cores)),
        row(f"ClickHouse nodes of {NODE_CORES} cores, {REPLICAS} replicas", lambda p: f"{p.store_shards * REPLICAS:,}"),
        row("batches a second at a ClickHouse shard", lambda p: number(p.inserts)),
        row("brokers", lambda p: f"{p.brokers:,}"),
        row("disk of one replica, TB a day", lambda p: number(p.disk_terabytes_a_day)),
    ]
    return f"{_costs(cost)}\n\n{markdown(('events a second', *(f'{rate:,.0f}' for rate in RATES)), rows)}"


def _costs(cost: Costs) -> str:
    return (
        f"An event costs a worker {cost.worker_us:.1f} us of CPU. A batch costs ClickHouse {cost.insert_seconds:.2f} s "
        f"of CPU, whatever is in it, and each row {cost.row_us:.1f} us more; an event makes {cost.rows:.2f} rows, as "
        f"pings are sampled. It has {cost.event_bytes:.0f} bytes on the wire, and a row takes {cost.disk_bytes:.0f} on "
        f"disk in all tables together. A worker takes {cost.worker_megabytes:,.0f} MB at most."
    )


def worked(cost: Costs) -> str:
    """The way to the numbers of a million events a second, and what a hundred times that is."""
    one, many = plan(MILLION, cost), plan(100 * MILLION, cost)
    rows, cells = MILLION * cost.rows, many.cells
    batches = rows / one.batch_rows
    steps = (
        f"{MILLION:,.0f} x {cost.worker_us:.1f} us fill {MILLION * cost.worker_us / 1e6:.1f} cores; at "
        f"{WORKER_USE:.0%} of each they are **{one.workers} workers**, with **{one.partitions} partitions** a topic.",
        f"{MILLION / one.partitions:,.0f} events a second of a shard make {one.batch_rows:,.0f} rows in "
        f"{one.batch_seconds:g} s; that is {batches:.0f} batches a second in all.",
        f"ClickHouse spends {batches:.0f} x {cost.insert_seconds:.2f} s on batches and {rows:,.0f} x {cost.row_us:.1f} "
        f"us on rows, so {one.store_cores:.0f} cores are busy; at {STORE_USE:.0%} of each they are {one.store_shards} "
        f"shards of {NODE_CORES} cores, **{one.store_shards * REPLICAS} nodes** with {REPLICAS} replicas.",
        f"{COPIES} copies of {MILLION * cost.event_bytes / 1e6:,.0f} MB a second are written by **{one.brokers} "
        "brokers**.",
        f"A day takes {one.disk_terabytes_a_day:.1f} TB on a replica, and {HOT_DAYS} days "
        f"{HOT_DAYS * one.disk_terabytes_a_day:,.0f} TB.",
    )
    return (
        "**A million events a second:**\n\n"
        + "\n".join(f"- {step}" for step in steps)
        + f"\n\n**A hundred times that** is {cells} cells, every one with {many.workers // cells} "
        f"workers, {many.partitions} partitions, {many.store_shards * REPLICAS // cells} ClickHouse nodes and "
        f"{many.brokers // cells} brokers; {many.disk_terabytes_a_day:,.0f} TB a day in all. "
        f"A consumer group delivers {cost.group:,.0f} events a second at most ({cost.batch_rows:,} rows a batch, every "
        f"{cost.token_seconds * 1000:.0f} ms x partitions); a cell is planned with {GROUP_USE:.0%} of that."
    )


def limits(ingest: Result, cost: Costs) -> str:
    """What takes how much of an event's way, most first."""
    spent = {
        "ClickHouse": ingest["clickhouse_cpu_microseconds_per_event"],
        "worker": cost.worker_us,
        "broker": ingest["broker_cpu_microseconds_per_event"],
    }
    whole, cores = sum(spent.values()), ingest["cores"]
    ordered = sorted(spent.items(), key=lambda pair: -pair[1])
    rows = [(name, f"{each:.1f}", f"{each / whole:.0%}") for name, each in ordered]
    shares = sorted(ingest["stage_shares"].items(), key=lambda pair: -pair[1])
    told = (
        f"By these {1e6 / whole * cores:,.0f} events a second would fill {cores} cores; measured by the clock are "
        f"{ingest['wall_events_per_second']:,.0f}. Of the time of a batch at the worker, waiting included: "
        f"{', '.join(f'{name} {share:.0%}' for name, share in shares)}."
    )
    return f"{markdown(('part', 'us of CPU an event', 'share'), rows)}\n\n{told}"
