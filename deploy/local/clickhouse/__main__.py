"""`python -m deploy.local.clickhouse`: the embedded ClickHouse server as a process of its own."""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path

import uvloop
from aiohttp import web

from deploy.local.clickhouse import config, deduplication_log
from deploy.local.clickhouse.call import User
from deploy.local.clickhouse.config import Limits
from deploy.local.clickhouse.engine import Engine
from deploy.local.clickhouse.failures import EngineError
from deploy.local.clickhouse.launch import PASSWORD_VARIABLE
from deploy.local.clickhouse.lock import FolderLock
from deploy.local.clickhouse.service import Service
from deploy.local.clickhouse.spool import Spools
from streams.errors import ConfigurationError

_LONGEST_URL = 1 << 20
"""Bytes of a URL or header: ClickHouse's http_max_uri_size."""
_HELP = """Serves the ClickHouse engine over a data folder on ClickHouse's HTTP interface.

One process owns the folder. Once the server answers it writes one line to stdout:
{"ready": true, "port": 8123, "pid": 4711}
SIGTERM and ctrl-c stop it: running statements finish, the engine is closed, nothing is left behind."""


def _arguments() -> argparse.Namespace:
    limits = Limits()
    shape = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m deploy.local.clickhouse", description=_HELP, formatter_class=shape)
    add = parser.add_argument
    add("--path", type=Path, required=True, help="data folder; made if it is not there")
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=0, help="port to listen on; 0 takes a free one (default: %(default)s)")
    add("--user", default="default", help="name of the one user (default: %(default)s)")
    add("--password-file", type=Path, help=f"file with the password; without it ${PASSWORD_VARIABLE}, else none")
    add("--config", type=Path, help="the engine's configuration (XML) instead of the one that is generated")
    add("--memory-bytes", type=int, default=limits.memory_bytes, help="memory of all queries (default: %(default)s)")
    add(
        "--query-memory-bytes", type=int, default=limits.query_memory_bytes, help="memory of one (default: %(default)s)"
    )
    add("--max-body-bytes", type=int, default=limits.body_bytes, help="longest request body (default: %(default)s)")
    add("--queries", type=int, default=limits.queries, help="queries side by side (default: %(default)s)")
    add("--inserts", type=int, default=limits.inserts, help="inserts beside them (default: %(default)s)")
    add("--waiting", type=int, default=limits.waiting, help="queries and inserts that may wait (default: %(default)s)")
    add(
        "--receive-seconds",
        type=float,
        default=limits.receive_seconds,
        help="longest silence of a sender (%(default)s)",
    )
    add("--send-seconds", type=float, default=limits.send_seconds, help="longest wait for a taker (%(default)s)")
    add("--keep-free-bytes", type=int, default=limits.keep_free_bytes, help="room left on the disk (%(default)s)")
    add("--stop-seconds", type=float, default=limits.stop_seconds, help="time to finish on SIGTERM (%(default)s)")
    add("--die-with-parent", action="store_true", help="stop when the process that started this one ends")
    return parser.parse_args()


def _limits(given: argparse.Namespace) -> Limits:
    return Limits(
        memory_bytes=given.memory_bytes,
        query_memory_bytes=given.query_memory_bytes,
        body_bytes=given.max_body_bytes,
        queries=given.queries,
        inserts=given.inserts,
        waiting=given.waiting,
        receive_seconds=given.receive_seconds,
        send_seconds=given.send_seconds,
        keep_free_bytes=given.keep_free_bytes,
        stop_seconds=given.stop_seconds,
    )


def _password(file: Path | None) -> str:
    if file is None:
        return os.environ.pop(PASSWORD_VARIABLE, "")
    try:
        return file.read_text("utf-8").rstrip("\n")
    except OSError as error:
        raise ConfigurationError(f"The password file {file} cannot be read: {error.strerror}.") from None


async def _serve(given: argparse.Namespace, user: User, parent: int) -> None:
    limits = _limits(given)
    folder: Path = given.path
    spill = folder / "spill"
    spill.mkdir(exist_ok=True)
    settings = given.config or config.write(folder, limits)
    deduplication_log.repair(folder, settings)
    engine = Engine(folder, settings, limits.query_memory_bytes)
    service = Service(engine, user, limits, Spools(spill, limits.spool_memory_bytes))
    runner = web.AppRunner(
        service.application(),
        access_log=None,
        auto_decompress=False,
        handler_cancellation=True,
        keepalive_timeout=3600,
        max_line_size=_LONGEST_URL,
        max_field_size=_LONGEST_URL,
        shutdown_timeout=limits.stop_seconds,
    )
    await runner.setup()
    site = web.TCPSite(runner, given.host, given.port, backlog=1024)
    try:
        await site.start()
        stop = _stop_event(parent if given.die_with_parent else 0)
        sweeper = asyncio.create_task(service.sessions.sweep())
        _say_ready(runner)
        await stop.wait()
        sweeper.cancel()
        await site.stop()
    except OSError as error:
        where = f"{given.host}:{given.port}"
        raise ConfigurationError(f"Cannot listen on {where}: {error.strerror}. Choose another --port.") from None
    finally:
        await runner.cleanup()
        await service.close()


def _stop_event(parent: int) -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if parent:
        with contextlib.suppress(ProcessLookupError):
            loop.add_reader(os.pidfd_open(parent), stop.set)
        if os.getppid() != parent:
            stop.set()
    return stop


def _say_ready(runner: web.AppRunner) -> None:
    port = runner.addresses[0][1]
    sys.stdout.write(json.dumps({"ready": True, "port": port, "pid": os.getpid()}) + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run the server; the exit code is 0 after an ordered stop and 1 for an error, which stderr then explains."""
    parent = os.getppid()
    given = _arguments()
    given.path = given.path.resolve()
    try:
        user = User(given.user, _password(given.password_file))
        lock = FolderLock(given.path)
        uvloop.run(_serve(given, user, parent))
        lock.release()
    except (ConfigurationError, EngineError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
