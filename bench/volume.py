"""A store of 20 million events: `python -m bench volume` fills it through Kafka and a worker, and prints what it takes.

The generated world of both domains over thirty days goes to Apache Kafka as fast as it will, one worker drains it. Then
the tables are weighed against the JSON that was sent, and ClickHouse's own log tells how many parts the inserts made.
With `--keep FOLDER` the store stays, for `python -m bench query`; `--weigh --home FOLDER` weighs it again, and keeps of
the checked-in result what only the run knew: events, days, JSON bytes, how fast they came in and in how many parts.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import sys
import tempfile
from collections import Counter
from multiprocessing.queues import Queue
from pathlib import Path
from threading import Event
from typing import Any

from clickhouse_connect.driver.client import Client
from rich.console import Console
from rich.table import Table

from bench import kept
from bench.history import produce
from bench.ingest import Samples, Usage, read
from clickhouse import migrate, parts, storage
from clickhouse.client import connect_sync
from deploy.local import tools
from deploy.local.kafka import Kafka
from deploy.local.stack import Stack
from deploy.local.worker import worker_part
from streams.cli.topics import create
from streams.errors import ConfigurationError
from streams.events import registry
from streams.settings import Settings
from streams.topics import raw_table

RESULTS = Path(__file__).parent / "results"
RESULT = RESULTS / "volume.json"
PARTS = """
SELECT table, count() AS made, sum(rows) / made AS rows_a_part,
    made / greatest(1, dateDiff('second', min(event_time), max(event_time)) / 60) AS parts_a_minute
FROM system.part_log WHERE event_type = 'NewPart' AND database = currentDatabase()
GROUP BY table ORDER BY made DESC
"""
console = Console(stderr=True)


def fill(settings: Settings, home: Path, events: int, days: float, client: Client) -> tuple[dict[str, Any], Any]:
    """Send and drain; what was seen meanwhile, and the JSON bytes by type."""
    context = multiprocessing.get_context("spawn")
    told: Queue[dict[str, int]] = context.Queue()
    servers = settings.kafka_bootstrap_servers or ""
    producer = context.Process(target=produce, args=(servers, events, days, told))
    worker = worker_part(settings, 1, home)
    worker.start()
    usage, samples, fullest, pause = Usage(worker.pid), Samples(), 0, Event()
    producer.start()
    try:
        while (taken := read([worker], usage, samples)) < events:
            fullest = max(fullest, int(client.query(parts.MOST).result_rows[0][0]))
            if len(samples.points) % 12 == 0:
                console.print(f"{taken:,.0f} of {events:,} events, {fullest} parts in the fullest partition")
            if producer.exitcode not in (None, 0):
                raise RuntimeError("the producer failed")
            pause.wait(kept.LOOK_SECONDS)
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


def sent_to(weights: dict[str, int]) -> dict[str, int]:
    """Bytes of JSON by raw table, of those by event type."""
    sent: Counter[str] = Counter()
    for kind, size in weights.items():
        sent[raw_table(registry.events[kind].topic)] += size
    return dict(sent)


def weighed(client: Client, sent: dict[str, int]) -> dict[str, Any]:
    """Tables and columns; for the raw tables, the ratio of JSON, whose bytes are given, to disk."""
    tables: dict[str, dict[str, Any]] = {}
    for name, rows, _, size, *_ in client.query(storage.TABLES).result_rows:
        tables[name] = {"rows": rows, "bytes": size, "bytes_a_row": round(size / rows, 1)}
        if name in sent:
            tables[name] |= {"json": sent[name], "ratio": round(sent[name] / size, 2)}
    columns: dict[str, dict[str, float]] = {}
    for table, name, _, size, *_ in client.query(storage.COLUMNS).result_rows:
        if table in sent:
            columns.setdefault(table, {})[name] = round(size / tables[table]["rows"], 2)
    return {"tables": tables, "bytes_a_row_by_column": columns}


def made_parts(client: Client) -> dict[str, dict[str, float]]:
    """Parts that inserts have made, by table. The embedded server's log of them ends with its process."""
    client.command("SYSTEM FLUSH LOGS")
    return {
        table: {"made": made, "rows_a_part": round(rows), "a_minute": round(minute, 1)}
        for table, made, rows, minute in client.query(PARTS).result_rows
    }


def run(events: int, days: float, home: Path) -> dict[str, Any]:
    """Start the parts, fill, and weigh. LOCATION_SAMPLE_RATE=1 lets every event become a row."""
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
        console.print(f"sending {events:,} events over {days:g} days")
        seen, weights = fill(running, home, events, days, client)
        kept.settle(client)
        sizes = weighed(client, sent_to(weights))
        return {"events": events, "days": days, **seen, **sizes, "parts": made_parts(client)}


def weigh(home: Path, known: dict[str, Any]) -> dict[str, Any]:
    """The result of a run with its store weighed again. Raises ConfigurationError for the store of another run."""
    with Stack(Settings(millrace_home=home, log_level="warning"), home) as running:
        client = connect_sync(running)
        try:
            return again(client, known)
        finally:
            client.close()


def again(client: Client, known: dict[str, Any]) -> dict[str, Any]:
    """The same of a server that runs."""
    rows = client.query(kept.RAW_ROWS).result_rows[0][0]
    if rows != known["events"]:
        raise ConfigurationError(
            f"the store holds {rows:,} events, bench/results/volume.json is of a run of {known['events']:,}: its JSON "
            "bytes are not those of this store; give the store of that run, or fill one anew with --keep"
        )
    return known | weighed(client, {name: each["json"] for name, each in known["tables"].items() if "json" in each})


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


def _again(home: Path) -> dict[str, Any]:
    kept.must_be_kept(home)
    if not RESULT.is_file():
        sys.exit(f"{RESULT} is missing: it holds what only the run knew; fill a store anew with --keep")
    try:
        return weigh(home, json.loads(RESULT.read_text()))
    except ConfigurationError as error:
        sys.exit(str(error))


def _anew(arguments: argparse.Namespace) -> dict[str, Any]:
    if tools.TOOLS["kafka"].find() is None:
        sys.exit("kafka is missing; run `make tools`")
    # The worker inherits it: every event that is weighed becomes a row.
    os.environ["LOCATION_SAMPLE_RATE"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        return run(arguments.events, arguments.days, arguments.keep or Path(folder))


def main() -> None:
    """Fill or weigh, print, and write the result."""
    parser = argparse.ArgumentParser(prog="python -m bench volume", description=__doc__)
    parser.add_argument("--events", type=int, default=20_000_000, help="how many (default: %(default)s)")
    parser.add_argument("--days", type=float, default=30, help="days that they are spread over (default: %(default)s)")
    parser.add_argument("--keep", type=Path, help="folder that the store stays in")
    parser.add_argument("--weigh", action="store_true", help="fill nothing: weigh the store in --home again")
    parser.add_argument("--home", type=Path, help="folder that --keep made, of the run that the result is of")
    arguments = parser.parse_args()
    if arguments.weigh != bool(arguments.home):
        parser.error("--weigh and --home go together: the store that is weighed again")
    result = _again(arguments.home) if arguments.weigh else _anew(arguments)
    RESULTS.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    Console(file=sys.stdout, width=110).print(show(result))


if __name__ == "__main__":
    main()
