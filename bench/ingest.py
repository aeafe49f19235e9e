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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from aiokafka import AIOKafkaConsumer, TopicPartition
from rich.console import Console
from rich.table import Table

from bench.freshness import Buckets, between, buckets
from bench.world import Message, clones, originals, records, send, send_steadily
from clickhouse import migrate
from deploy.local import tools
from deploy.local.kafka import Kafka
from deploy.local.part import Part, start_all
from deploy.local.stack import Stack
from deploy.local.worker import families, worker_part
from streams import codec
from streams.cli.topics import create
from streams.settings import Settings
from streams.topics import source_topics

RESULTS = Path(__file__).parent / "results"
PATIENCE = 600.0
STEADY_LOOK_SECONDS = 2.0
"""Each look costs a worker 5 ms of CPU, which are none of the job's; Prometheus looks every 15 seconds."""
SETTLE = 0.2
"""The first part of the steady load that does not count."""
console = Console(stderr=True)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is measured."""

    events: int = 1_000_000
    """The backlog."""
    rate: int = 10_000
    """Events a second of the steady part."""
    seconds: int = 60
    """Length of the steady part; 0: none."""
    rounds: int = 3
    windows: bool = True
    broker: str = "kafka"
    workers: int = 1


@dataclass
class Usage:
    """CPU seconds and the most memory of one process, or of several together, and their children."""

    pid: int
    peak: int = 0
    others: tuple[int, ...] = ()

    def cpu(self) -> float:
        """User and system seconds so far."""
        times = []
        for pid in (self.pid, *self.others):
            process = psutil.Process(pid)
            times += [process.cpu_times(), *(child.cpu_times() for child in process.children(recursive=True))]
        return float(sum(each.user + each.system for each in times))

    def look(self) -> None:
        """Take the memory as it is now."""
        now = sum(psutil.Process(pid).memory_info().rss for pid in (self.pid, *self.others))
        self.peak = max(self.peak, now)


@dataclass
class Samples:
    """What the workers say of themselves, over time."""

    points: list[tuple[float, float, float]] = field(default_factory=list)
    """(clock, events taken, CPU seconds of the workers)."""
    freshness: list[tuple[float, Buckets]] = field(default_factory=list)
    """(clock, records by the seconds until their rows could be asked for)."""
    stages: dict[str, float] = field(default_factory=dict)
    keys: int = 0
    """Keys of windows and sessions in memory, at most."""

    def slope(self) -> tuple[float, float]:
        """Events a second by the clock and per CPU second, between the first and the last tenth of the drain."""
        total = self.points[-1][1]
        inner = [point for point in self.points if 0.1 * total <= point[1] <= 0.9 * total]
        if len(inner) < 2:
            inner = self.points
        (first, events_before, cpu_before), (last, events_after, cpu_after) = inner[0], inner[-1]
        events = events_after - events_before
        return events / (last - first), events / (cpu_after - cpu_before)


def read(workers: Sequence[Part], usage: Usage, samples: Samples) -> float:
    """Take one sample; returns the events taken so far."""
    taken, keys = 0.0, 0.0
    stages: dict[str, float] = {}
    told = [sample for worker in workers for family in families(worker.url) for sample in family.samples]
    samples.freshness.append((time.monotonic(), buckets(told)))
    for sample in told:
        if sample.name == "millrace_events_total":
            taken += sample.value
        elif sample.name in ("millrace_windows_lines", "millrace_sessions"):
            keys += sample.value
        elif sample.name == "millrace_stage_seconds_total":
            stages[sample.labels["stage"]] = stages.get(sample.labels["stage"], 0.0) + sample.value
    samples.stages |= stages
    samples.keys = max(samples.keys, int(keys))
    usage.look()
    samples.points.append((time.monotonic(), taken, usage.cpu()))
    return taken


def drain(workers: Sequence[Part], usage: Usage, count: int, pause_seconds: float = 0.25) -> Samples:
    """Sample until the workers have taken `count` events more than now, with pauses; a look costs a worker 5 ms."""
    samples = Samples()
    pause = threading.Event()
    wanted = read(workers, usage, samples) + count
    deadline = time.monotonic() + PATIENCE
    while read(workers, usage, samples) < wanted:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{samples.points[-1][1]:,.0f} of {wanted:,.0f} events after {PATIENCE:.0f} s")
        pause.wait(pause_seconds)
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
    settings: Settings, messages: list[Message], asked: Asked, home: Path, beside: dict[str, Usage]
) -> dict[str, Any]:
    """One round on running parts; the workers are started and stopped in it."""
    servers = settings.kafka_bootstrap_servers or ""
    asyncio.run(create(settings))
    migrate.run(settings)
    console.print(f"sending {asked.events:,} events")
    asyncio.run(send(servers, clones(messages, asked.events, "drain")))
    reference = [asyncio.run(fetch_and_decode(servers, asked.events, settings.kafka_partitions))]
    workers = [worker_part(settings, number + 1, home) for number in range(asked.workers)]
    start_all(workers)
    try:
        usage = Usage(workers[0].pid, others=tuple(worker.pid for worker in workers[1:]))
        drained, found = _drained(workers, usage, asked.events, beside)
        if asked.seconds:
            found |= _steady(workers, usage, clones(messages, asked.rate * asked.seconds, "steady"), asked, servers)
    finally:
        for worker in workers:
            worker.stop()
    reference.append(asyncio.run(fetch_and_decode(servers, asked.events, settings.kafka_partitions)))
    loop = statistics.mean(reference)
    spent = sum(drained.stages.values())
    return found | {
        "reference_events_per_core_second": round(loop),
        "ratio_to_fetch_and_decode": round(found["worker_events_per_core_second"] / loop, 3),
        "stage_shares": {name: round(seconds / spent, 3) for name, seconds in sorted(drained.stages.items())},
    }


def _drained(
    workers: Sequence[Part], usage: Usage, events: int, beside: dict[str, Usage]
) -> tuple[Samples, dict[str, Any]]:
    """Let the workers take the backlog."""
    console.print("draining")
    started = {name: each.cpu() for name, each in beside.items()}
    drained = drain(workers, usage, events)
    wall, per_core = drained.slope()
    return drained, {
        "worker_events_per_core_second": round(per_core),
        "wall_events_per_second": round(wall),
        **{
            f"{name}_cpu_microseconds_per_event": round((each.cpu() - started[name]) / events * 1e6, 1)
            for name, each in beside.items()
        },
        "window_keys": drained.keys,
        "peak_megabytes_draining": round(usage.peak / 2**20),
    }


def _steady(
    workers: Sequence[Part], usage: Usage, messages: Iterator[Message], asked: Asked, servers: str
) -> dict[str, Any]:
    """Send so many a second, and let the workers keep up."""
    console.print(f"steady: {asked.rate:,} events/s for {asked.seconds} s")
    usage.peak = 0
    before = usage.cpu()
    sending = send_steadily(servers, records(messages), asked.rate)
    sender = threading.Thread(target=lambda: asyncio.run(sending), daemon=True)
    sender.start()
    steady = drain(workers, usage, asked.rate * asked.seconds, STEADY_LOOK_SECONDS)
    sender.join()
    began = steady.points[0][0]
    elapsed = steady.points[-1][0] - began
    settled = [seen for at, seen in steady.freshness if at - began > SETTLE * elapsed]
    return {
        **between(settled[0], settled[-1]),
        "steady_events_per_second": round(asked.rate * asked.seconds / elapsed),
        "steady_cpu_share": round((usage.cpu() - before) / elapsed, 3),
        "peak_megabytes_steady": round(usage.peak / 2**20),
    }


def run(asked: Asked, messages: list[Message] | None = None) -> dict[str, Any]:
    """Start the parts, measure every round, and describe the machine. `messages`: others than the world's own."""
    messages = messages or originals(min(asked.events, 100_000))
    rounds = []
    for number in range(asked.rounds):
        console.print(f"round {number + 1} of {asked.rounds}")
        with tempfile.TemporaryDirectory() as folder:
            rounds.append(_round(asked, messages, Path(folder)))
    figures = {name: statistics.median(each[name] for each in rounds) for name in rounds[0] if name != "stage_shares"}
    return {
        **figures,
        "stage_shares": rounds[0]["stage_shares"],
        "rounds": rounds,
        "events": asked.events,
        "bytes_per_event": round(sum(len(value) for *_, value in messages) / len(messages)),
        "steady_rate": asked.rate,
        "broker": asked.broker,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }


def _round(asked: Asked, messages: list[Message], home: Path) -> dict[str, Any]:
    settings = Settings(millrace_home=home, log_level="warning", windows_enabled=asked.windows)
    node = Kafka(home / "kafka") if asked.broker == "kafka" else None
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
            return measure(running, messages, asked, home, beside)
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
    table.add_row(f"{rate}worker CPU", f"{result['steady_cpu_share']:.1%} of a core")
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
    usual = Asked()
    parser.add_argument("--events", type=int, default=usual.events, help="backlog to drain")
    parser.add_argument("--rate", type=int, default=usual.rate, help="events a second of the steady part")
    parser.add_argument("--seconds", type=int, default=usual.seconds, help="length of the steady part")
    parser.add_argument("--rounds", type=int, default=usual.rounds)
    parser.add_argument("--windows", action=argparse.BooleanOptionalAction, default=True, help="count the windows")
    parser.add_argument("--broker", choices=("kafka", "embedded"), default="kafka" if tools.kafka() else "embedded")
    asked = Asked(**vars(parser.parse_args()))
    if asked.seconds < 1:
        parser.error("--seconds: at least 1, for the table tells what the steady part was like")
    result = run(asked)
    RESULTS.mkdir(exist_ok=True)
    name = "ingest.json" if asked.windows else "delivery.json"
    (RESULTS / name).write_text(json.dumps(result, indent=2) + "\n")
    Console(file=sys.stdout, width=110).print(show(result))


if __name__ == "__main__":
    main()
