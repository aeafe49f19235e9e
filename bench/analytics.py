"""How long funnels, retention, cohorts and paths take: `python -m bench analytics --home FOLDER` prints a table.

Each question is asked by its own path, uncached, over ranges of a day, a week and thirty days that lie anywhere in the
store's span, of which retention and cohorts read all that is kept. The store is one that
`python -m bench volume --keep FOLDER` made.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from clickhouse_connect.driver.asyncclient import AsyncClient
from rich.console import Console
from rich.table import Table

from clickhouse.analytics.kinds import KINDS
from clickhouse.client import connect
from deploy.local.stack import Stack
from streams.settings import Settings

RESULTS = Path(__file__).parent / "results"
DAYS = (1, 7, 30)
"""Lengths of the ranges, in turn."""
SPAN = "SELECT min(bucket), max(bucket) FROM events_hourly WHERE domain = {domain:String}"
BUYING: Final = {"domain": "ticketing", "steps": ["event.viewed", "checkout.started", "ticket.purchased"]}
RIDING: Final = {"domain": "rides", "steps": ["booking.created", "booking.confirmed", "trip.started"]}
VISITS: Final = {"domain": "ticketing", "start": "page.viewed"}
QUESTIONS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "funnel of tickets": ("funnels", BUYING),
    "funnel of tickets by device": ("funnels", BUYING | {"by": "device_type"}),
    "funnel of tickets with times": ("funnels", BUYING | {"times": True}),
    "funnel of tickets, strict": ("funnels", BUYING | {"order": "strict"}),
    "funnel of tickets, any order": ("funnels", BUYING | {"order": "any"}),
    "three views and a ticket": ("funnels", BUYING | {"steps": ["event.viewed"] * 3 + ["ticket.purchased"]}),
    "funnel of rides": ("funnels", RIDING),
    "rides without cancellation": ("funnels", RIDING | {"exclude": ["booking.cancelled"]}),
    "visitors day by day": ("retention", VISITS | {"periods": 14}),
    "visitors on each day": ("retention", VISITS | {"periods": 14, "kind": "recurring"}),
    "riders week by week": ("retention", {"domain": "rides", "start": "trip.started", "granularity": "week"}),
    "what visitors paid": ("cohorts", VISITS | {"doing": "ticket.purchased", "sum": "amount", "granularity": "week"}),
    "after a search": ("paths", {"domain": "ticketing", "anchor": "event.searched"}),
}
"""Name, kind of question, and its words."""


async def measure(settings: Settings, rounds: int, dice: random.Random) -> dict[str, Any]:
    """Milliseconds of each question over the rounds, and the path that was taken."""
    client = await connect(settings)
    try:
        return {name: await _of(client, kind, words, rounds, dice) for name, (kind, words) in QUESTIONS.items()}
    finally:
        await client.close()


async def _of(
    client: AsyncClient, name: str, words: dict[str, Any], rounds: int, dice: random.Random
) -> dict[str, Any]:
    kind, spent, paths = KINDS[name], [], set()
    first, last = (await client.query(SPAN, parameters={"domain": words["domain"]})).result_rows[0]
    room = (last - first).total_seconds()
    for number in range(rounds):
        days = DAYS[number % len(DAYS)]
        end: datetime = last.replace(tzinfo=UTC) - timedelta(seconds=dice.random() * max(0.0, room - days * 86_400))
        span = {"from": (end - timedelta(days=days)).isoformat(), "to": end.isoformat()}
        question = kind.ask(kind.words.model_validate(words | span))
        began = time.perf_counter()
        paths.add((await kind.answer(client, question))["path"])
        spent.append((time.perf_counter() - began) * 1000)
    ordered = sorted(spent)
    return {
        "median_ms": round(statistics.median(ordered), 1),
        "p95_ms": round(ordered[int(0.95 * (len(ordered) - 1))], 1),
        "longest_ms": round(ordered[-1], 1),
        "paths": sorted(paths),
    }


def show(result: dict[str, Any]) -> Table:
    """The table that is printed."""
    table = Table("Question", "p50 ms", "p95 ms", "Longest", "Path")
    for name, each in result.items():
        figures = (f"{each[figure]:.0f}" for figure in ("median_ms", "p95_ms", "longest_ms"))
        table.add_row(name, *figures, ", ".join(each["paths"]))
    return table


def main() -> None:
    """Ask, print, and write the result."""
    parser = argparse.ArgumentParser(prog="python -m bench analytics", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="folder of `python -m bench volume --keep`")
    parser.add_argument("--rounds", type=int, default=9, help="times that each is asked (default: %(default)s)")
    arguments = parser.parse_args()
    if not (arguments.home / "clickhouse").is_dir():
        sys.exit(f"--home {arguments.home}: no store is there; make one with `python -m bench volume --keep FOLDER`")
    with Stack(Settings(millrace_home=arguments.home, log_level="warning"), arguments.home) as settings:
        result = asyncio.run(measure(settings, arguments.rounds, random.Random(7)))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "analytics.json").write_text(json.dumps(result, indent=2) + "\n")
    Console(file=sys.stdout, width=120).print(show(result))


if __name__ == "__main__":
    main()
