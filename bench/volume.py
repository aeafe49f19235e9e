"""A store of 20 million events: `python -m bench volume` fills it through Kafka and a worker, and prints what it takes.

The generated world of both domains over thirty days goes to Apache Kafka as fast as it will, one worker drains it. Then
the tables are weighed against the JSON that was sent, and ClickHouse's own log tells how many parts the inserts made.
With `--keep FOLDER` the store stays, for `python -m bench query`.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from multiprocessing.queues import Queue
from pathlib import Path
from threading import Event
from typing import Any

from clickhouse_connect.driver.client import Client
from rich.console import Console
from rich.table import Table

from bench.history import produce
from bench.ingest import Samples, Usage, read
from clickhouse import migrate, parts, storage
from clickhouse.client import connect_sync
from deploy.local import tools
from deploy.local.kafka import Kafka
from deploy.local.stack import Stack
from deploy.local.worker import worker_part
from streams.cli.topics import create
from streams.events import registry
from streams.settings import Settings
from streams.topics import raw_table

RESULTS = Path(__file__).parent / "results"
LOOK_SECONDS = 5.0
MERGE_SECONDS = 120.0
"""Merges may go on for so long before the tables are weighed."""
PARTS = """
SELECT table, count() AS made, sum(rows) / made AS rows_a_part,
    made / greatest(1, dateDiff('second', min(event_time), max(event_time)) / 60) AS parts_a_minute
FROM system.part_log WHERE event_type = 'NewPart' AND database = currentDatabase()
GROUP BY table ORDER BY made DESC
"""
console = Console(stderr=True)


def fill(settings: Settings, home: Path, arguments: argparse.Namespace, client: Client) -> tuple[dict[str, Any], Any]:
    """Send and drain; what was seen meanwhile, and the JSON bytes by type."""
    context = multiprocessing.get_context("spawn")
    told: Queue[dict[str, int]] = context.Queue()
    servers = settings.kafka_bootstrap_servers or ""
    producer = context.Process(target=produce, args=(servers, arguments.events, arguments.days, told))
    worker = worker_part(settings, 1, home)
    worker.start()
    usage, samples, fullest, pause = Usage(worker.pid), Samples(), 0, Event()
    producer.start()
    try:
        while (taken := read(worker, usage, samples)) < arguments.events:
            fullest = max(fullest, int(client.query(parts.MOST).result_rows[0][0]))
            if len(samples.points) % 12 == 0:
                console.print(f"{taken:,.0f} of {arguments.events:,} events, {fullest} parts in the fullest partition")
            if producer.exitcode not in (None, 0):
                raise RuntimeError("the producer failed")
            pause.wait(LOOK_SECONDS)
        weights = told.get()
    finally:
        producer.kill()
        worker.stop()
    wall, _ = samples.slope()
    return {
        "events_per_second": round(wall),
        "parts_in_the_fullest_partition": fullest,
        "peak_megabytes": round(usage.peak / 2**20),
    }, weights


def settle(client: Client) -> None:
    """Wait until nothing is merged any more, or for as long as is stated."""
    pause, until = Event(), time.monotonic() + MERGE_SECONDS
    while time.monotonic() < until:
        pause.wait(LOOK_SECONDS)
        if not client.query("SELECT count() FROM system.merges").result_rows[0][0]:
            return


def weighed(client: Client, weights: dict[str, int]) -> dict[str, Any]:
    """Tables, columns and parts; for the raw tables, the ratio of JSON to disk."""
    sent: Counter[str] = Counter()
    for kind, size in weights.items():
        sent[raw_table(registry.events[kind].topic)] += size
    tables = {}
    for name, rows, _, size, *_ in client.query(storage.TABLES).result_rows:
        tables[name] = {"rows": rows, "bytes": size, "bytes_a_row": round(size / rows, 1)}
        if name in sent:
            tables[name] |= {"json": sent[name], "ratio": round(sent[name] / size, 2)}
    columns: dict[str, dict[str, float]] = {}
    for table, name, _, size, *_ in client.query(storage.COLUMNS).result_rows:
        if table in sent:
            columns.setdefault(table, {})[name] = round(size / tables[table]["rows"], 2)
    client.command("SYSTEM FLUSH LOGS")
    made_parts = {
        table: {"made": made, "rows_a_part": round(rows), "a_minute": round(minute, 1)}
        for table, made, rows, minute in client.query(PARTS).result_rows
    }
    return {"tables": tables, "bytes_a_row_by_column": columns, "parts": made_parts}


def run(arguments: argparse.Namespace, home: Path) -> dict[str, Any]:
    """Start the parts, fill, and weigh."""
    settings = Settings(millrace_home=home, log_level="warning")
    with contextlib.ExitStack() as open_parts:
        node = Kafka(Path(open_parts.enter_context(tempfile.TemporaryDirectory())))
        node.start()
        open_parts.callback(node.stop)
        settings = settings.model_copy(update={"kafka_bootstrap_servers": node.url})
        running = open_parts.enter_context(Stack(settings, home))
        asyncio.run(create(running))
        migrate.run(running)
        client = connect_sync(running)
        console.print(f"sending {arguments.events:,} events over {arguments.days:g} days")
        seen, weights = fill(running, home, arguments, client)
        settle(client)
        return {"events": arguments.events, "days": arguments.days, **seen, **weighed(client, weights)}


def show(result: dict[str, Any]) -> Table:
    """The table of sizes."""
    title = f"{result['events']:,} events, {result['events_per_second']:,} a second"
    table = Table("Table", "Rows", "Bytes a row", "JSON / disk", "Parts a minute", "Rows a part", title=title)
    for name, each in result["tables"].items():
        parts = result["parts"].get(name, {})
        table.add_row(
            name,
            f"{each['rows']:,}",
            f"{each['bytes_a_row']:.1f}",
            f"{each['ratio']:.1f}" if "ratio" in each else "",
            f"{parts['a_minute']:.0f}" if parts else "",
            f"{parts['rows_a_part']:,}" if parts else "",
        )
    return table


def main() -> None:
    """Fill, print, and write the result."""
    parser = argparse.ArgumentParser(prog="python -m bench volume", description=__doc__)
    parser.add_argument("--events", type=int, default=20_000_000, help="how many (default: %(default)s)")
    parser.add_argument("--days", type=float, default=30, help="days that they are spread over (default: %(default)s)")
    parser.add_argument("--keep", type=Path, help="folder that the store stays in")
    arguments = parser.parse_args()
    if tools.TOOLS["kafka"].find() is None:
        sys.exit("kafka is missing; run `make tools`")
    # The worker inherits it: every event that is weighed becomes a row.
    os.environ["LOCATION_SAMPLE_RATE"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        result = run(arguments, arguments.keep or Path(folder))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "volume.json").write_text(json.dumps(result, indent=2) + "\n")
    Console(file=sys.stdout, width=110).print(show(result))


if __name__ == "__main__":
    main()
