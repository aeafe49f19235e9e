"""The whole job of one worker, measured: `python -m bench.ingest` prints a table and writes bench/results/ingest.json.

With `--no-windows` the worker only delivers, and the result is bench/results/delivery.json.

A worker drains a backlog, and then keeps up with a steady rate; broker, ClickHouse and worker share the machine, as
in production on so many cores. In the same run, before and after, a plain loop fetches and decodes the same backlog
and does nothing else: the ratio to it says more than a figure, which is this machine's.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from aiokafka import AIOKafkaConsumer, TopicPartition
from rich.console import Console
from rich.table import Table

from bench.ranks import percentile
from bench.world import Message, clones, originals, records, send, send_steadily
from clickhouse import migrate
from deploy.local import tools
from deploy.local.kafka import Kafka
from deploy.local.part import Part
from deploy.local.stack import Stack
from deploy.local.worker import families, worker_part
from streams import codec
from streams.cli.topics import create
from streams.settings import Settings
from streams.topics import source_topics

RESULTS = Path(__file__).parent / "results"
PATIENCE = 600.0
console = Console(stderr=True)


@dataclass
class Usage:
    """CPU seconds and the most memory of one process and its children."""

    pid: int
    peak: int = 0

    def cpu(self) -> float:
        """User and system seconds so far."""
        process = psutil.Process(self.pid)
        times = [process.cpu_times(), *(child.cpu_times() for child in process.children(recursive=True))]
        return float(sum(each.user + each.system for each in times))

    def look(self) -> None:
        """Take the memory as it is now."""
        self.peak = max(self.peak, psutil.Process(self.pid).memory_info().rss)


@dataclass
class Samples:
    """What the worker says of itself, over time."""

    points: list[tuple[float, float, float]] = field(default_factory=list)
    """(clock, events taken, worker CPU seconds)."""
    freshness: list[float] = field(default_factory=list)
    stages: dict[str, float] = field(default_factory=dict)

    def slope(self) -> tuple[float, float]:
        """Events a second by the clock and per CPU second, between the first and the last tenth of the drain."""
        total = self.points[-1][1]
        inner = [point for point in self.points if 0.1 * total <= point[1] <= 0.9 * total]
        if len(inner) < 2:
            inner = self.points
        (first, events_before, cpu_before), (last, events_after, cpu_after) = inner[0], inner[-1]
        events = events_after - events_before
        return events / (last - first), events / (cpu_after - cpu_before)


def read(worker: Part, usage: Usage, samples: Samples) -> float:
    """Take one sample; returns the events taken so far."""
    taken = 0.0
    for family in families(worker.url):
        for sample in family.samples:
            if sample.name == "millrace_events_total":
                taken += sample.value
            elif sample.name == "millrace_stage_seconds_total":
                samples.stages[sample.labels["stage"]] = sample.value
            elif sample.name == "millrace_batch_freshness_p95_seconds":
                samples.freshness.append(sample.value)
    usage.look()
    samples.points.append((time.monotonic(), taken, usage.cpu()))
    return taken


def drain(worker: Part, usage: Usage, count: int) -> Samples:
    """Sample until the worker has taken `count` events more than now."""
    samples = Samples()
    pause = threading.Event()
    wanted = read(worker, usage, samples) + count
    deadline = time.monotonic() + PATIENCE
    while read(worker, usage, samples) < wanted:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{samples.points[-1][1]:,.0f} of {wanted:,.0f} events after {PATIENCE:.0f} s")
        pause.wait(0.25)
    return samples


async def fetch_and_decode(servers: str, count: int, partitions: int) -> float:
    """The reference: a plain consumer that decodes and validates the backlog; events per CPU second of its own."""
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    consumer.assign([TopicPartition(topic, n) for topic in source_topics() for n in range(partitions)])
    await consumer.seek_to_beginning()
    done, before = 0, time.process_time()
    while done < count:
        for tp, fetched in (await consumer.getmany(timeout_ms=1000, max_records=5000)).items():
            codec.decode_values([record.value for record in fetched], topic=tp.topic)
            done += len(fetched)
    used = time.process_time() - before
    await consumer.stop()
    return done / used


def measure(
    settings: Settings, messages: list[Message], arguments: argparse.Namespace, home: Path, beside: dict[str, Usage]
) -> dict[str, Any]:
    """One round on running parts; the worker is started and stopped in it."""
    servers = settings.kafka_bootstrap_servers or ""
    asyncio.run(create(settings))
    migrate.run(settings)
    console.print(f"sending {arguments.events:,} events")
    asyncio.run(send(servers, clones(messages, arguments.events, "drain")))
    reference = [asyncio.run(fetch_and_decode(servers, arguments.events, settings.kafka_partitions))]
    worker = worker_part(settings, 1, home)
    worker.start()
    usage = Usage(worker.pid)
    console.print("draining")
    started = {name: each.cpu() for name, each in beside.items()}
    drained = drain(worker, usage, arguments.events)
    spent_beside = {name: (each.cpu() - started[name]) / arguments.events for name, each in beside.items()}
    drain_peak = usage.peak
    usage.peak = 0
    console.print(f"steady: {arguments.rate:,} events/s for {arguments.seconds} s")
    count = arguments.rate * arguments.seconds
    before = usage.cpu()
    sending = send_steadily(servers, records(clones(messages, count, "steady")), arguments.rate)
    sender = threading.Thread(target=lambda: asyncio.run(sending), daemon=True)
    sender.start()
    steady = drain(worker, usage, count)
    sender.join()
    cpu = (usage.cpu() - before) / (steady.points[-1][0] - steady.points[0][0])
    worker.stop()
    reference.append(asyncio.run(fetch_and_decode(servers, arguments.events, settings.kafka_partitions)))
    wall, per_core = drained.slope()
    loop = statistics.mean(reference)
    late = sorted(steady.freshness[len(steady.freshness) // 5 :])
    spent = sum(drained.stages.values())
    return {
        "worker_events_per_core_second": round(per_core),
        "wall_events_per_second": round(wall),
        "reference_events_per_core_second": round(loop),
        "ratio_to_fetch_and_decode": round(per_core / loop, 3),
        **{f"{name}_cpu_microseconds_per_event": round(each * 1e6, 1) for name, each in spent_beside.items()},
        "freshness_p95_seconds": round(percentile(late, 0.95), 3),
        "freshness_median_seconds": round(statistics.median(late), 3),
        "steady_cpu_share": round(cpu, 3),
        "peak_megabytes_draining": round(drain_peak / 2**20),
        "peak_megabytes_steady": round(usage.peak / 2**20),
        "stage_shares": {name: round(seconds / spent, 3) for name, seconds in sorted(drained.stages.items())},
    }


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Start the parts, measure every round, and describe the machine."""
    messages = originals(min(arguments.events, 100_000))
    rounds = []
    for number in range(arguments.rounds):
        console.print(f"round {number + 1} of {arguments.rounds}")
        with tempfile.TemporaryDirectory() as folder:
            rounds.append(_round(arguments, messages, Path(folder)))
    figures = {name: statistics.median(each[name] for each in rounds) for name in rounds[0] if name != "stage_shares"}
    return {
        **figures,
        "stage_shares": rounds[0]["stage_shares"],
        "rounds": rounds,
        "events": arguments.events,
        "bytes_per_event": round(sum(len(value) for *_, value in messages) / len(messages)),
        "steady_rate": arguments.rate,
        "broker": arguments.broker,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }


def _round(arguments: argparse.Namespace, messages: list[Message], home: Path) -> dict[str, Any]:
    settings = Settings(millrace_home=home, log_level="warning", windows_enabled=arguments.windows)
    node = Kafka(home / "kafka") if arguments.broker == "kafka" else None
    if node is not None:
        node.start()
        settings = settings.model_copy(update={"kafka_bootstrap_servers": node.url})
    try:
        stack = Stack(settings, home)
        with stack as running:
            beside = {
                "clickhouse": Usage(stack.part("clickhouse").pid),
                "broker": Usage(node.pid if node is not None else stack.part("broker").pid),
            }
            return measure(running, messages, arguments, home, beside)
    finally:
        if node is not None:
            node.stop()


def show(result: dict[str, Any]) -> Table:
    """The table that the README quotes."""
    table = Table("Figure", "Value", title=f"One worker, {result['cores']} cores shared with broker and ClickHouse")
    table.add_row("events per second of worker CPU", f"{result['worker_events_per_core_second']:,.0f}")
    table.add_row("events per second by the clock", f"{result['wall_events_per_second']:,.0f}")
    beside = [f"{name} {result[f'{name}_cpu_microseconds_per_event']:.1f}" for name in ("clickhouse", "broker")]
    table.add_row("CPU of the parts beside it, microseconds an event", ", ".join(beside))
    table.add_row("ratio to fetch and decode alone (CPU)", f"{result['ratio_to_fetch_and_decode']:.2f}")
    rate = f"at {result['steady_rate']:,} events/s: "
    table.add_row(f"{rate}record to queryable row, p95", f"{result['freshness_p95_seconds']:.2f} s")
    table.add_row(f"{rate}worker CPU", f"{result['steady_cpu_share']:.0%} of a core")
    table.add_row(
        "memory, draining / steady",
        f"{result['peak_megabytes_draining']:.0f} / {result['peak_megabytes_steady']:.0f} MB",
    )
    shares = ", ".join(f"{name} {share:.0%}" for name, share in result["stage_shares"].items())
    table.add_row("time of the stages (waiting included)", shares)
    return table


def main() -> None:
    """Measure, print, and write the result."""
    parser = argparse.ArgumentParser(prog="python -m bench.ingest", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="backlog to drain")
    parser.add_argument("--rate", type=int, default=10_000, help="events a second of the steady part")
    parser.add_argument("--seconds", type=int, default=30, help="length of the steady part")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--windows", action=argparse.BooleanOptionalAction, default=True, help="count the windows")
    parser.add_argument("--broker", choices=("kafka", "embedded"), default="kafka" if tools.kafka() else "embedded")
    arguments = parser.parse_args()
    result = run(arguments)
    RESULTS.mkdir(exist_ok=True)
    name = "ingest.json" if arguments.windows else "delivery.json"
    (RESULTS / name).write_text(json.dumps(result, indent=2) + "\n")
    Console(file=sys.stdout, width=110).print(show(result))


if __name__ == "__main__":
    main()
