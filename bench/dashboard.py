"""How far the dashboard is behind the broker: `python -m bench dashboard` prints one line of JSON.

Both domains at a steady rate, one worker, the web process and a headless browser share the machine. Ten times a second
the browser is asked how many page views stand on the screen; the age of the oldest one that does not stand there, from
the moment it was put into a batch for the broker, is how far the screen is behind.
"""

import argparse
import asyncio
import bisect
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from rich.console import Console

from bench.ranks import percentile
from bench.world import send_steadily
from clickhouse import migrate
from deploy.local import tools
from deploy.local.kafka import Kafka
from deploy.local.stack import Stack
from deploy.local.web import web_part
from deploy.local.worker import worker_part
from streams.cli.topics import create
from streams.settings import Settings
from streams.world import clock
from streams.world.dice import Dice
from streams.world.record import Record
from streams.world.traffic import events
from tests.support.browser import Page, browser

RESULTS = Path(__file__).parent / "results"
COUNTED = "page.viewed"
SHOWN = "Number(document.querySelector('[data-path=\"domains.ticketing.dashboard.page_views\"]')?.dataset.value ?? 0)"
CONNECTED = "document.getElementById('state').dataset.state !== 'connecting'"
PAUSE = 0.1
WARM = 10.0
"""Seconds that are not counted: workers and browser get going."""
PATIENCE = 60.0
console = Console(stderr=True)


async def watch(page: Page, moments: Sequence[float], ended: threading.Event) -> list[tuple[float, float]]:
    """(time, seconds behind) until everything that was sent stands on the screen."""
    found: list[tuple[float, float]] = []
    deadline = float("inf")
    while True:
        shown = await page.ask(SHOWN)
        now = time.time()
        sent = bisect.bisect_right(moments, now)
        found.append((now, now - moments[shown] if shown < sent else 0.0))
        if ended.is_set():
            deadline = min(deadline, now + PATIENCE)
            if shown >= len(moments):
                return found
        if now > deadline:
            raise TimeoutError(f"{shown:,} of {len(moments):,} page views stand on the screen after {PATIENCE:.0f} s")
        await asyncio.sleep(PAUSE)


async def measure(servers: str, url: str, rate: float, seconds: int, home: Path) -> dict[str, float | int]:
    """Send, watch, and sum up."""
    count = int(rate * seconds)
    lead = 5 + count / 25_000
    start = time.time() + lead
    console.print(f"making {count:,} events")
    made = list(islice(events(("rides", "ticketing"), Dice(3), "bench", clock.live(start, rate), rate), count))
    moments: list[float] = []
    ended = threading.Event()

    def note(record: Record) -> None:
        if record.type == COUNTED:
            moments.append(time.time())

    def send() -> None:
        asyncio.run(send_steadily(servers, made, rate, note))
        ended.set()

    async with browser(home / "profile") as page:
        await page.open(url)
        await page.until("the dashboard to be connected", CONNECTED)
        await asyncio.sleep(max(0.0, start - time.time()))
        console.print(f"sending {rate:,.0f} events/s for {seconds} s")
        began = time.time()
        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        found = await watch(page, moments, ended)
        sender.join()
    behind = sorted(lag for at, lag in found if began + WARM <= at <= moments[-1])
    return {
        "rate": rate,
        "seconds": seconds,
        "page_views": len(moments),
        "looks": len(behind),
        "behind_median_seconds": round(statistics.median(behind), 3),
        "behind_p95_seconds": round(percentile(behind, 0.95), 3),
        "behind_longest_seconds": round(behind[-1], 3),
    }


def run(arguments: argparse.Namespace, home: Path) -> dict[str, float | int]:
    """Start the parts, and measure."""
    settings = Settings(millrace_home=home, log_level="warning")
    node = Kafka(home / "kafka")
    node.start()
    try:
        given = settings.model_copy(update={"kafka_bootstrap_servers": node.url})
        with Stack(given, home) as running:
            asyncio.run(create(running))
            migrate.run(running)
            worker, web = worker_part(running, 1, home), web_part(running, home)
            worker.start()
            web.start()
            try:
                return asyncio.run(measure(node.url, web.url, arguments.rate, arguments.seconds, home))
            finally:
                web.stop()
                worker.stop()
    finally:
        node.stop()


def main() -> None:
    """Measure, print, and write the result."""
    parser = argparse.ArgumentParser(prog="python -m bench dashboard", description=__doc__)
    parser.add_argument("--rate", type=float, default=10_000, help="events a second")
    parser.add_argument("--seconds", type=int, default=40, help="how long they are sent")
    arguments = parser.parse_args()
    for tool in ("kafka", "chromium"):
        if tools.TOOLS[tool].find() is None:
            sys.exit(f"{tool} is missing; run `make tools`")
    with tempfile.TemporaryDirectory() as folder:
        result = run(arguments, Path(folder))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "dashboard.json").write_text(json.dumps(result, indent=2) + "\n")
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
