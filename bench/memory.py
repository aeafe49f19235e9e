"""Whether a worker's memory stays flat: `python -m bench memory` prints one line of JSON.

First the worker is given a history as long as anything is kept in memory, so that its windows, its sessions and the
ids by which it knows duplicates are as many as they will be; then events go on at the same rate in real time. What is
told is the memory over that time: the medians of its first and of its last fifth, and the slope of a line through all
of it (Theil and Sen).
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from itertools import combinations, takewhile
from pathlib import Path

import psutil
from rich.console import Console

from agents.deduplicate import SEGMENTS
from agents.send import Sender
from clickhouse import migrate
from deploy.local import tools
from deploy.local.kafka import Kafka
from deploy.local.part import Part
from deploy.local.stack import Stack
from deploy.local.worker import families, worker_part
from streams.cli.topics import create
from streams.settings import Settings
from streams.topics import source_topics
from streams.world import clock
from streams.world.dice import Dice
from streams.world.record import Record
from streams.world.traffic import events
from tables.declared import declared

RESULTS = Path(__file__).parent / "results"
LOOK_SECONDS = 5.0
SETTLE_SECONDS = 330.0
"""Time to take the history, and for the allocator to find its size after it; it is not counted."""
MARGIN = 1.03
"""Of the history, over what is kept."""
REMEMBERED = 0.85
"""Least share of the events that the memory of duplicates enters: not those that are sampled out."""
PAIRS = 20_000
"""Pairs of samples that the slope is the median of, about."""
console = Console(stderr=True)


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the worker."""

    at: float
    """Seconds since the live part began."""
    megabytes: float
    keys: int
    """Keys of panes, and sessions."""


def kept_minutes(settings: Settings, rate: float) -> float:
    """How long anything is kept in memory: windows, sessions, and the ids of events.

    The ring of ids has a segment more than it needs, and takes its memory as it fills: 84 MB, and a table of 16 MB
    whenever a segment begins for the first time.
    """
    windows = max(slices.pane + slices.keep for slices in declared.slices.values()) / 60
    sessions = max(session.keep_ms for session in declared.sessions.values()) / 60_000
    ids = settings.duplicate_memory_events * SEGMENTS / (SEGMENTS - 1) / REMEMBERED
    return MARGIN * max(windows, sessions, ids / rate / 60)


def look(worker: Part, began: float) -> Sample:
    """Ask the worker for its keys, and the system for its memory."""
    keys = 0.0
    for family in families(worker.url):
        for sample in family.samples:
            if sample.name in ("millrace_windows_lines", "millrace_sessions"):
                keys += sample.value
    return Sample(time.time() - began, psutil.Process(worker.pid).memory_info().rss / 2**20, int(keys))


def slope(samples: list[Sample]) -> float:
    """Megabytes an hour: the median of the slopes between pairs of samples (Theil 1950, Sen 1968)."""
    step = max(1, len(samples) ** 2 // 2 // PAIRS)
    pairs = list(combinations(samples, 2))[::step]
    return statistics.median((b.megabytes - a.megabytes) / (b.at - a.at) for a, b in pairs) * 3600


def sum_up(samples: list[Sample], rate: float) -> dict[str, float | int]:
    """What is printed."""
    fifth = max(1, len(samples) // 5)
    return {
        "rate": rate,
        "minutes": round(samples[-1].at / 60, 1),
        "keys": round(statistics.median(sample.keys for sample in samples)),
        "first_megabytes": round(statistics.median(sample.megabytes for sample in samples[:fifth])),
        "last_megabytes": round(statistics.median(sample.megabytes for sample in samples[-fifth:])),
        "peak_megabytes": round(max(sample.megabytes for sample in samples)),
        "slope_megabytes_an_hour": round(slope(samples), 1),
    }


def measure(settings: Settings, worker: Part, arguments: argparse.Namespace) -> list[Sample]:
    """Send the history and what follows, and look at the worker over the latter."""
    began = time.time()
    rate = arguments.rate
    history = arguments.history or kept_minutes(settings, rate)
    start = began - history * 60
    until = began + SETTLE_SECONDS + arguments.minutes * 60
    made = events(("rides", "ticketing"), Dice(5), "bench", clock.live(start, rate), rate)
    live = threading.Event()

    def due(record: Record, _: int) -> float:
        """At its own time; the history at once."""
        if record.time >= began:
            live.set()
        return record.time - began

    async def send() -> None:
        async with Sender(settings.kafka_bootstrap_servers or "", source_topics()) as sender:
            to_send = takewhile(lambda record: record.time < until, made)
            if not await sender.send(to_send, asyncio.Event(), lambda _: None, due):
                raise sender.failure or RuntimeError("the producer ended early")

    console.print(f"sending the last {history:.0f} minutes, {int(rate * history * 60):,} events")
    sender = threading.Thread(target=lambda: asyncio.run(send()), daemon=True)
    sender.start()
    live.wait()
    console.print(f"{rate:,.0f} events/s for {arguments.minutes} minutes")
    samples: list[Sample] = []
    pause = threading.Event()
    pause.wait(max(0.0, began + SETTLE_SECONDS - time.time()))
    first = time.time()
    while sender.is_alive():
        samples.append(look(worker, first))
        if len(samples) % 24 == 0:
            newest = samples[-1]
            console.print(f"{newest.at / 60:5.1f} min  {newest.megabytes:,.0f} MB  {newest.keys:,} keys")
        pause.wait(LOOK_SECONDS)
    return samples


def run(arguments: argparse.Namespace, home: Path) -> dict[str, float | int]:
    """Start the parts, and measure."""
    node = Kafka(home / "kafka")
    node.start()
    try:
        given = Settings(millrace_home=home, log_level="warning", kafka_bootstrap_servers=node.url)
        with Stack(given, home) as running:
            asyncio.run(create(running))
            migrate.run(running)
            worker = worker_part(running, 1, home)
            worker.start()
            try:
                return sum_up(measure(running, worker, arguments), arguments.rate)
            finally:
                worker.stop()
    finally:
        node.stop()


def main() -> None:
    """Measure, print, and write the result."""
    parser = argparse.ArgumentParser(prog="python -m bench memory", description=__doc__)
    parser.add_argument("--rate", type=float, default=200, help="events a second (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=30, help="length of the live part (default: %(default)s)")
    parser.add_argument("--history", type=float, help="minutes before it (default: as long as anything is kept)")
    arguments = parser.parse_args()
    if tools.TOOLS["kafka"].find() is None:
        sys.exit("kafka is missing; run `make tools`")
    with tempfile.TemporaryDirectory() as folder:
        result = run(arguments, Path(folder))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "memory.json").write_text(json.dumps(result, indent=2) + "\n")
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
