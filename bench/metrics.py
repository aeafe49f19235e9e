"""How long the metrics of the catalogue take: `python -m bench metrics --home FOLDER` prints a table.

Every metric is asked by the router's way, uncached, over ranges of a day, a week and thirty days that lie anywhere in
the store's span: as a total, by day, and by its first dimension. The store is one that
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
from typing import Any

from clickhouse_connect.driver.asyncclient import AsyncClient
from rich.console import Console
from rich.table import Table

from clickhouse.client import connect
from clickhouse.metrics.answer import answer
from clickhouse.metrics.catalogue import METRICS
from clickhouse.metrics.metric import Metric
from clickhouse.metrics.question import Question, ask
from deploy.local.stack import Stack
from streams.settings import Settings

RESULTS = Path(__file__).parent / "results"
DAYS = (1, 7, 30)
"""Lengths of the ranges, in turn."""
SPAN = "SELECT min(bucket), max(bucket) FROM events_hourly WHERE domain = {domain:String}"
QUARTER = 900


async def measure(settings: Settings, rounds: int, dice: random.Random) -> dict[str, Any]:
    """Milliseconds of each metric over the rounds, and the tables that were read."""
    client = await connect(settings)
    try:
        spans = {domain: await _span(client, domain) for domain in {metric.domain.name for metric in METRICS}}
        return {metric.name: await _of(client, metric, spans[metric.domain.name], rounds, dice) for metric in METRICS}
    finally:
        await client.close()


async def _span(client: AsyncClient, domain: str) -> tuple[datetime, datetime]:
    first, last = (await client.query(SPAN, parameters={"domain": domain})).result_rows[0]
    return first.replace(tzinfo=UTC), last.replace(tzinfo=UTC)


async def _of(
    client: AsyncClient, metric: Metric, span: tuple[datetime, datetime], rounds: int, dice: random.Random
) -> dict[str, Any]:
    spent, tables, rows = [], set(), 0
    for number in range(rounds):
        for question in _questions(metric, span, DAYS[number % len(DAYS)], dice):
            began = time.perf_counter()
            found = await answer(client, question)
            spent.append((time.perf_counter() - began) * 1000)
            tables.add(found.reading.source.table)
            rows = max(rows, len(found.rows))
    ordered = sorted(spent)
    return {
        "median_ms": round(statistics.median(ordered), 1),
        "p95_ms": round(ordered[int(0.95 * (len(ordered) - 1))], 1),
        "longest_ms": round(ordered[-1], 1),
        "tables": sorted(tables),
        "answer_rows": rows,
    }


def _questions(metric: Metric, span: tuple[datetime, datetime], days: int, dice: random.Random) -> list[Question]:
    first, last = span
    room = max(0.0, (last - first).total_seconds() - days * 86_400)
    end = last - timedelta(seconds=dice.random() * room // QUARTER * QUARTER)
    words: dict[str, Any] = {"begin": (end - timedelta(days=days)).isoformat(), "end": end.isoformat()}
    if metric.rolling_days:
        return [ask(metric, granularity="day", **words)]
    plain = [ask(metric, **words), ask(metric, granularity="day", **words)]
    return plain + ([ask(metric, by=metric.by[:1], limit=100, **words)] if metric.by else [])


def show(result: dict[str, Any]) -> Table:
    """The table that is printed."""
    table = Table("Metric", "p50 ms", "p95 ms", "Longest", "From")
    for name, each in result.items():
        figures = (f"{each[figure]:.0f}" for figure in ("median_ms", "p95_ms", "longest_ms"))
        table.add_row(name, *figures, ", ".join(each["tables"]))
    return table


def main() -> None:
    """Ask, print, and write the result."""
    parser = argparse.ArgumentParser(prog="python -m bench metrics", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="folder of `python -m bench volume --keep`")
    parser.add_argument("--rounds", type=int, default=9, help="times that each is asked (default: %(default)s)")
    arguments = parser.parse_args()
    if not (arguments.home / "clickhouse").is_dir():
        sys.exit(f"--home {arguments.home}: no store is there; make one with `python -m bench volume --keep FOLDER`")
    with Stack(Settings(millrace_home=arguments.home, log_level="warning"), arguments.home) as settings:
        result = asyncio.run(measure(settings, arguments.rounds, random.Random(7)))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "metrics.json").write_text(json.dumps(result, indent=2) + "\n")
    Console(file=sys.stdout, width=120).print(show(result))


if __name__ == "__main__":
    main()
