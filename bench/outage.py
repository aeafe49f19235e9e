"""How a worker bears an outage of ClickHouse: `python -m bench outage` prints one line of JSON.

Events come in at a steady rate all the time. For so many minutes no connection to ClickHouse is to be had; then it is
there again, and the worker takes what has gathered in Kafka. What is told: memory before, during and after; what the
worker holds back of it, and the lag that it does not; how much of a core it takes while it can do nothing; how many
lines it writes; how soon `/ready` tells the outage and its end; how soon the first row is there again, and the last
one; and whether every event is there once. Broker, ClickHouse, producer and worker share the machine.
"""

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rich.console import Console

from bench.ingest import RESULTS, Usage
from bench.world import clones, originals, records, send_steadily
from clickhouse import migrate
from deploy.local import tools
from deploy.local.kafka import Kafka
from deploy.local.stack import Stack
from deploy.local.worker import is_ready
from streams.cli.topics import create
from streams.settings import Settings
from tests.support.found import doubled, moved_on
from tests.support.proxy import ProxyThread, proxy_thread
from tests.support.waiting import PAUSE, until
from tests.support.workers import Worker

BEFORE_SECONDS, AFTER_SECONDS = 60.0, 60.0
"""How long events come in before the outage and after it."""
LOOK_SECONDS = 1.0
WORLD = 100_000
"""Different events; then the same come again under other ids."""
PATIENCE_SECONDS = 3600.0
MEGABYTE = 1 << 20
console = Console(stderr=True)


@dataclass
class Phase:
    """What the worker showed over one part of the run, at most."""

    memory: int = 0
    buffered: float = 0.0
    lag: float = 0.0
    cpu_seconds: float = 0.0
    seconds: float = 0.0
    lines: int = 0
    states: set[str] = field(default_factory=set)

    def look(self, worker: Worker) -> None:
        """Take the highest of each figure."""
        self.memory = max(self.memory, worker.memory)
        self.buffered = max(self.buffered, worker.metric("millrace_buffered_bytes"))
        self.lag = max(self.lag, worker.metric("millrace_lag_records"))
        self.states |= set(worker.shards.values())


def look_for(worker: Worker, seconds: float, done: Callable[[], bool] = lambda: False) -> Phase:
    """Look at the worker for so long, or until it is done."""
    found, usage, began = Phase(), Usage(worker.pid), time.monotonic()
    spent, lines = usage.cpu(), _lines(worker)
    while time.monotonic() < began + seconds and not done():
        found.look(worker)
        PAUSE.wait(LOOK_SECONDS)
    found.look(worker)
    found.cpu_seconds, found.seconds = usage.cpu() - spent, time.monotonic() - began
    found.lines = _lines(worker) - lines
    return found


def _lines(worker: Worker) -> int:
    return worker.log.read_bytes().count(b"\n")


def taken(worker: Worker) -> int:
    """Records that delivered batches have taken, whatever became of them."""
    return int(worker.metric("millrace_events_total"))


def since(moment: float) -> float:
    """Seconds since this moment of the monotonic clock."""
    return round(time.monotonic() - moment, 2)


def measure(settings: Settings, worker: Worker, way: ProxyThread, rate: int, minutes: float) -> dict[str, Any]:
    """The outage, on running parts."""
    worker.wait_ready(settings.kafka_partitions)
    count = int(rate * (BEFORE_SECONDS + minutes * 60 + AFTER_SECONDS))
    load = records(clones(originals(min(WORLD, count)), count, "outage"))
    sending = send_steadily(settings.kafka_bootstrap_servers or "", load, rate)
    sender = threading.Thread(target=lambda: asyncio.run(sending), daemon=True)
    sender.start()
    console.print(f"{rate:,} events/s")
    before = look_for(worker, BEFORE_SECONDS)
    console.print(f"{minutes:g} minutes without ClickHouse")
    process, gone_at = worker.pid, time.monotonic()
    way.refuse()
    until("/ready to tell the outage", lambda: not is_ready(worker.url))
    told = since(gone_at)
    away = look_for(worker, minutes * 60 - told)
    console.print(f"lag {away.lag:,.0f}, {away.memory / MEGABYTE:,.0f} MB; ClickHouse is there again")
    stood, back_at = moved_on(settings), time.monotonic()
    marks: dict[str, float] = {}

    def done() -> bool:
        if "first" not in marks and moved_on(settings) > stood:
            marks["first"] = since(back_at)
        if "ready" not in marks and is_ready(worker.url):
            marks["ready"] = since(back_at)
        return len(marks) == 2 and taken(worker) >= count

    way.accept()
    after = look_for(worker, PATIENCE_SECONDS, done)
    whole = since(back_at)
    if not done():
        raise TimeoutError(f"{taken(worker):,} of {count:,} events {PATIENCE_SECONDS:.0f} s after the outage; {marks}")
    sender.join()
    return {
        "rate": rate,
        "minutes": minutes,
        "events": count,
        "events_taken": taken(worker),
        "rows_doubled": sum(doubled(settings).values()),
        "same_process": worker.pid == process and worker.running,
        **{f"megabytes_{name}": round(each.memory / MEGABYTE) for name, each in _named(before, away, after)},
        "buffered_megabytes_away": round(away.buffered / MEGABYTE, 1),
        "buffer_megabytes": round(settings.buffer_bytes / MEGABYTE, 1),
        "lag_away": int(away.lag),
        "cpu_share_away": round(away.cpu_seconds / away.seconds, 3),
        "lines_away": away.lines,
        "lines_after": after.lines,
        "states_away": sorted(away.states),
        "not_ready_after_seconds": told,
        "first_row_after_seconds": marks["first"],
        "ready_after_seconds": marks["ready"],
        "caught_up_after_seconds": whole,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }


def _named(before: Phase, away: Phase, after: Phase) -> tuple[tuple[str, Phase], ...]:
    return ("before", before), ("away", away), ("after", after)


def run(rate: int, minutes: float, home: Path) -> dict[str, Any]:
    """Start the parts, and measure."""
    with ExitStack() as stack:
        node = Kafka(home / "kafka")
        node.start()
        stack.callback(node.stop)
        settings = stack.enter_context(
            Stack(Settings(millrace_home=home, log_level="info", kafka_bootstrap_servers=node.url), home)
        )
        asyncio.run(create(settings))
        migrate.run(settings)
        url = urlsplit(settings.clickhouse_url or "")
        way = stack.enter_context(proxy_thread(url.hostname or "", url.port or 0))
        behind = (settings.clickhouse_url or "").replace(f":{url.port}", f":{way.port}")
        worker = Worker(settings.model_copy(update={"clickhouse_url": behind}), home / "worker.log")
        worker.start()
        stack.callback(worker.stop)
        return measure(settings, worker, way, rate, minutes)


def main() -> None:
    """Measure, print, and write the result."""
    parser = argparse.ArgumentParser(prog="python -m bench outage", description=__doc__)
    parser.add_argument("--rate", type=int, default=10_000, help="events a second (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=10, help="length of the outage (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=RESULTS / "outage.json", help="where the result is written")
    given = parser.parse_args()
    if tools.TOOLS["kafka"].find() is None:
        sys.exit("kafka is missing; run `make tools`")
    with tempfile.TemporaryDirectory() as folder:
        result = run(given.rate, given.minutes, Path(folder))
    given.output.parent.mkdir(exist_ok=True)
    given.output.write_text(json.dumps(result, indent=2) + "\n")
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
