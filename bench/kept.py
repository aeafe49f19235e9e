"""What benchmarks over a store that `python -m bench volume --keep FOLDER` made have in common."""

import argparse
import asyncio
import json
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from threading import Event
from typing import Any

from clickhouse_connect.driver.client import Client
from rich.console import Console
from rich.table import Table

from bench.ranks import percentile
from clickhouse.client import connect_sync
from deploy.local.stack import Stack
from streams.settings import Settings

RESULTS = Path(__file__).parent / "results"
RAW_ROWS = "SELECT (SELECT count() FROM events_raw) + (SELECT count() FROM events)"
LOOK_SECONDS = 5.0
MERGE_SECONDS = 120.0
"""Merges may go on for so long before a store is weighed or asked."""
Result = dict[str, Any]


def times(spent: Sequence[float]) -> dict[str, float]:
    """Median, 95th percentile and longest of these milliseconds."""
    return {
        "median_ms": round(statistics.median(spent), 1),
        "p95_ms": round(percentile(spent, 0.95), 1),
        "longest_ms": round(max(spent), 1),
    }


def table(result: Result, what: str, names: str) -> Table:
    """The table that is printed: `what` was asked, its times, and the words under `names`."""
    made = Table(what, "p50 ms", "p95 ms", "Longest", names.capitalize())
    for name, each in result.items():
        figures = (f"{each[figure]:.0f}" for figure in ("median_ms", "p95_ms", "longest_ms"))
        made.add_row(name, *figures, ", ".join(each[names]))
    return made


def settle(client: Client) -> None:
    """Wait until nothing is merged any more, or for as long as is stated."""
    pause, until = Event(), time.monotonic() + MERGE_SECONDS
    while time.monotonic() < until:
        pause.wait(LOOK_SECONDS)
        if not client.query("SELECT count() FROM system.merges").result_rows[0][0]:
            return


def must_be_kept(home: Path) -> None:
    """End the benchmark where no store is in the folder."""
    if not (home / "clickhouse").is_dir():
        sys.exit(f"--home {home}: no store is there; make one with `python -m bench volume --keep FOLDER`")


def run(
    name: str,
    description: str | None,
    measure: Callable[[Settings, int, random.Random], Awaitable[Result]],
    show: Callable[[Result], Table],
    rounds: int = 9,
) -> None:
    """Ask, print, and write the result; `rounds` where none are asked for.

    A server that was just started merges what the fill has left, on all cores: that is waited for.
    """
    parser = argparse.ArgumentParser(prog=f"python -m bench {name}", description=description)
    parser.add_argument("--home", type=Path, required=True, help="folder of `python -m bench volume --keep`")
    parser.add_argument("--rounds", type=int, default=rounds, help="times that each is asked (default: %(default)s)")
    arguments = parser.parse_args()
    must_be_kept(arguments.home)

    async def asked(settings: Settings) -> Result:
        return await measure(settings, arguments.rounds, random.Random(7))

    with Stack(Settings(millrace_home=arguments.home, log_level="warning"), arguments.home) as settings:
        client = connect_sync(settings)
        settle(client)
        client.close()
        result = asyncio.run(asked(settings))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
    Console(file=sys.stdout, width=120).print(show(result))
