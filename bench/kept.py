"""What benchmarks over a store that `python -m bench volume --keep FOLDER` made have in common."""

import argparse
import asyncio
import json
import random
import statistics
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from deploy.local.stack import Stack
from streams.settings import Settings

RESULTS = Path(__file__).parent / "results"
Result = dict[str, Any]


def times(spent: Sequence[float]) -> dict[str, float]:
    """Median, 95th percentile and longest of these milliseconds."""
    ordered = sorted(spent)
    return {
        "median_ms": round(statistics.median(ordered), 1),
        "p95_ms": round(ordered[int(0.95 * (len(ordered) - 1))], 1),
        "longest_ms": round(ordered[-1], 1),
    }


def table(result: Result, what: str, names: str) -> Table:
    """The table that is printed: `what` was asked, its times, and the words under `names`."""
    made = Table(what, "p50 ms", "p95 ms", "Longest", names.capitalize())
    for name, each in result.items():
        figures = (f"{each[figure]:.0f}" for figure in ("median_ms", "p95_ms", "longest_ms"))
        made.add_row(name, *figures, ", ".join(each[names]))
    return made


def run(
    name: str,
    description: str | None,
    measure: Callable[[Settings, int, random.Random], Awaitable[Result]],
    show: Callable[[Result], Table],
) -> None:
    """Ask, print, and write the result."""
    parser = argparse.ArgumentParser(prog=f"python -m bench {name}", description=description)
    parser.add_argument("--home", type=Path, required=True, help="folder of `python -m bench volume --keep`")
    parser.add_argument("--rounds", type=int, default=9, help="times that each is asked (default: %(default)s)")
    arguments = parser.parse_args()
    if not (arguments.home / "clickhouse").is_dir():
        sys.exit(f"--home {arguments.home}: no store is there; make one with `python -m bench volume --keep FOLDER`")

    async def asked(settings: Settings) -> Result:
        return await measure(settings, arguments.rounds, random.Random(7))

    with Stack(Settings(millrace_home=arguments.home, log_level="warning"), arguments.home) as settings:
        result = asyncio.run(asked(settings))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
    Console(file=sys.stdout, width=120).print(show(result))
