"""How long a shard takes to count its open windows again: `python -m bench recovery`.

Rows are made by ClickHouse itself: location pings, two in each of so many cells, over four minutes. A cell makes a
window key in each five minutes that they touch, so there are up to twice as many keys as cells. Prints one line of
JSON and writes bench/results/recovery.json.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

import psutil

from agents.locate import UNKNOWN
from agents.windows import Realtime
from bench.ingest import RESULTS
from clickhouse import migrate
from clickhouse.client import connect
from clickhouse.partials import Partials
from clickhouse.realtime import RealtimeTable
from deploy.local.stack import Stack
from streams.intent import Intent
from streams.settings import Settings
from streams.topics import source_topics
from tables.declared import declared

CELLS = (100_000, 1_000_000)
BLOCK = 100_000
"""Rows of one insert; the views hold them in memory."""
FILL = """
INSERT INTO events_raw (event_id, source, event_type, occurred_at, ingested_at, topic, shard, offset, chain, intent,
    sample_rate, driver_id, position_cell)
SELECT toString(number), 'bench', 'driver.location.updated', now64(3) - INTERVAL (number % 240) SECOND, now64(3),
    'rides.location', 0, number, 'c', 1, 0.2, toString(number % 50000), number % {cells} + 1
FROM numbers({first}, {count})
"""


async def measure(settings: Settings, cells: int, rows: int) -> dict[str, float]:
    """Fill the table, recover, and tell."""
    client = await connect(settings)
    try:
        for first in range(0, rows, BLOCK):
            await client.command(FILL.format(cells=cells, first=first, count=min(BLOCK, rows - first)))
        topics = frozenset(source_topics())
        kept = RealtimeTable(client, settings)
        around = Realtime(
            declared, {}, lambda _: UNKNOWN, Partials(client), kept, None, "bench", topics, disorder=10_000
        )
        windows = around.of(0)
        process = psutil.Process()
        before, began, spent = process.memory_info().rss, time.monotonic(), time.process_time()
        now = int(time.time() * 1000)
        ranges = dict.fromkeys(topics, (rows, rows))
        last = Intent(chain="c", seq=2, previous="", nonce="n", ranges=ranges, watermark=now - 60_000)
        await windows.recover(last, now)
        return {
            "keys": len(windows.panes),
            "rows": rows,
            "seconds": round(time.monotonic() - began, 2),
            "cpu_seconds": round(time.process_time() - spent, 2),
            "bytes_a_key": round((process.memory_info().rss - before) / max(1, len(windows.panes))),
        }
    finally:
        await client.close()


def _told(what: str) -> None:
    sys.stderr.write(f"{what}\n")


def measured(cells: int) -> dict[str, float]:
    """The same on a stack of its own."""
    with tempfile.TemporaryDirectory() as home, Stack(Settings(), Path(home), _told) as settings:
        migrate.run(settings)
        return asyncio.run(measure(settings, cells, 2 * cells))


def main() -> None:
    """Start a stack of its own for each number of cells, measure, write and print."""
    parser = argparse.ArgumentParser(prog="python -m bench recovery", description=__doc__)
    parser.add_argument("--cells", type=int, nargs="+", default=CELLS, help="cells (default: %(default)s)")
    figures = {"runs": [measured(cells) for cells in parser.parse_args().cells]}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "recovery.json").write_text(json.dumps(figures, indent=2) + "\n")
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
