"""RPO and RTO: `python -m bench backup` prints one line of JSON and writes bench/results/backup.json.

A worker delivers events; a full backup is taken, more events come, an incremental one, and more events. Then ClickHouse
is killed and its data folder removed, and the commands of docs/backup.md bring it back. RPO is told twice: what was
lost, and what the topics had to give again, which is what would be lost had they not kept it. RTO runs from the kill
to the last row. Broker, ClickHouse, worker and commands share the machine.

PostgreSQL is measured by itself: so many lines of the audit log, a backup, an empty database, a restore.
"""

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from sqlalchemy import text

from bench.ingest import RESULTS, Usage, drain
from bench.world import clones, originals, send
from clickhouse import migrate
from deploy.local.part import Part
from deploy.local.stack import Stack
from deploy.local.worker import environment, worker_part
from metadata import migrate as metadata_migrate
from metadata.session import connect_sync
from streams.cli.topics import create
from streams.settings import Settings
from tests.support.found import doubled, moved_on
from tests.support.lost import lose
from tests.support.waiting import until

EVENTS = 200_000
LATER = 5
"""After the full backup comes one part in so many, and again after the incremental one."""
PATIENCE = 600.0
WORLD = 100_000
ROWS = 100_000
"""Of the audit log, the metadata's longest table."""
FILL = text(
    "INSERT INTO audit_log (actor, action, subject, parameters, outcome) SELECT 'bench', 'export', 'row ' || n, "
    "jsonb_build_object('number', n), 'begun' FROM generate_series(1, :rows) AS n"
)
console = Console(stderr=True)


def backup(settings: Settings, *words: str) -> dict[str, Any]:
    """What `millrace backup` prints. Raises CalledProcessError."""
    argv = [sys.executable, "-m", "streams.cli", "backup", *words, "--json"]
    env = {**os.environ, **environment(settings)}
    done = subprocess.run(argv, env=env, stdout=subprocess.PIPE, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def deliver(settings: Settings, worker: Part, count: int, run: str) -> None:
    """Send so many events, each its own, and wait until the worker has delivered them."""
    console.print(f"{count:,} events")
    messages = clones(originals(min(count, WORLD)), count, run)
    asyncio.run(send(settings.kafka_bootstrap_servers or "", messages))
    drain([worker], Usage(worker.pid), count)


def taken(what: str, facts: dict[str, Any]) -> dict[str, Any]:
    """The figures of one backup."""
    held = facts["clickhouse"]["held_seconds"]
    return {f"{what}_seconds": facts["seconds"], f"{what}_held_seconds": held, f"{what}_bytes": facts["bytes"]}


def measure(stack: Stack, settings: Settings, events: int, home: Path) -> dict[str, Any]:
    """The whole loss on running parts."""
    asyncio.run(create(settings))
    migrate.run(settings)
    worker = worker_part(settings, 1, home)
    worker.start()
    try:
        deliver(settings, worker, events, "first")
        full = backup(settings, "create", "--only", "clickhouse")
        deliver(settings, worker, events // LATER, "second")
        part = backup(settings, "create", "--only", "clickhouse", "--incremental")
        at, covered = time.monotonic(), moved_on(settings)
        deliver(settings, worker, events // LATER, "third")
        stood = moved_on(settings)
        console.print(f"{stood:,} rows; ClickHouse is lost")
        lost_at = time.monotonic()
        lose(stack.part("clickhouse"), home / "clickhouse")
    finally:
        worker.stop()
    stopped_at = time.monotonic()
    back = backup(settings, "restore", "--yes", "--workers-gone")
    restored_at = time.monotonic()
    again = worker_part(settings, 2, home)
    again.start()
    try:
        until("every row is back", lambda: moved_on(settings) >= stood, PATIENCE)
        whole_at = time.monotonic()
    finally:
        again.stop()
    return {
        "events": events + 2 * (events // LATER),
        "rows": stood,
        **taken("full", full),
        **taken("incremental", part),
        "rpo_rows_lost": stood - moved_on(settings),
        "rpo_rows_doubled": sum(doubled(settings).values()),
        "rpo_rows_from_kafka": stood - covered,
        "rpo_seconds_from_kafka": round(lost_at - at, 1),
        "rto_seconds": round(whole_at - lost_at, 1),
        "rto_new_server_and_workers_stopped_seconds": round(stopped_at - lost_at, 1),
        "rto_restore_seconds": round(restored_at - stopped_at, 1),
        "rto_restore_in_clickhouse_seconds": back["clickhouse_seconds"],
        "rto_workers_and_kafka_seconds": round(whole_at - restored_at, 1),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }


def measure_postgres(settings: Settings, rows: int) -> dict[str, Any]:
    """A backup of the metadata, the loss of all of it, and a restore."""
    metadata_migrate.run(settings)
    engine = connect_sync(settings)
    try:
        with engine.begin() as connection:
            connection.execute(FILL, {"rows": rows})
        made = backup(settings, "create", "--only", "postgres")
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        back = backup(settings, "restore", "--only", "postgres", "--yes")
        with engine.begin() as connection:
            found = connection.execute(text("SELECT count(*) FROM audit_log WHERE actor = 'bench'")).scalar_one()
    finally:
        engine.dispose()
    return {
        "postgres_rows": rows,
        "postgres_rows_lost": rows - int(found),
        "postgres_backup_seconds": made["seconds"],
        "postgres_bytes": made["bytes"],
        "postgres_restore_seconds": back["seconds"],
    }


def main() -> None:
    """Start a stack of its own, measure, print, and write the result."""
    parser = argparse.ArgumentParser(prog="python -m bench backup", description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS, help="before the full backup (default: %(default)s)")
    parser.add_argument("--rows", type=int, default=ROWS, help="of PostgreSQL (default: %(default)s)")
    parser.add_argument("--only", choices=("clickhouse", "postgres"), help="one of both; the other's figures stay")
    given = parser.parse_args()
    path = RESULTS / "backup.json"
    figures: dict[str, Any] = json.loads(path.read_text()) if given.only and path.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        stack = Stack(Settings(millrace_home=home, log_level="warning"), home, console.print)
        with stack as settings:
            if given.only != "postgres":
                figures |= measure(stack, settings, given.events, home)
            if given.only != "clickhouse":
                figures |= measure_postgres(settings, given.rows)
    RESULTS.mkdir(exist_ok=True)
    path.write_text(json.dumps(figures, indent=2) + "\n")
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
