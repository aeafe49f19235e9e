"""How long the metrics of the catalogue take: `python -m bench metrics --home FOLDER` prints a table.

Every metric is asked by the router's way, without ClickHouse's caches (bench/uncached.py), over ranges of a day, a week
and thirty days that lie anywhere in the store's span: as a total, by day, and by its first dimension. Rows and bytes
read are what the query log says of a whole question, its look at what was delivered included. The store is one that
`python -m bench volume --keep FOLDER` made.
"""

import random
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from clickhouse_connect.driver.asyncclient import AsyncClient

from bench import kept, uncached
from clickhouse.client import connect
from clickhouse.metrics.answer import answer
from clickhouse.metrics.catalogue import METRICS
from clickhouse.metrics.metric import Metric
from clickhouse.metrics.question import Question, ask
from streams.settings import Settings

DAYS = (1, 7, 30)
"""Lengths of the ranges, in turn."""
SPAN = "SELECT min(bucket), max(bucket) FROM events_hourly WHERE domain = {domain:String}"
QUARTER = 900
ROUNDS = 12


async def measure(settings: Settings, rounds: int, dice: random.Random) -> dict[str, Any]:
    """Raw rows of the store; by metric milliseconds over the rounds, what was read of which tables."""
    client = await connect(settings)
    try:
        ranges = await spans(client)
        run = uncached.new_run("metrics")
        found = {metric.name: await _of(client, metric, ranges, rounds, dice, run) for metric in METRICS}
        read = await uncached.read(client, run)
        rows = (await client.query(kept.RAW_ROWS)).result_rows[0][0]
        return {"rows": rows, "metrics": {name: each | read[name] for name, each in found.items()}}
    finally:
        await client.close()


async def spans(client: AsyncClient) -> dict[str, tuple[datetime, datetime]]:
    """By domain the first and the last hour of the store."""
    return {domain: await _span(client, domain) for domain in {metric.domain.name for metric in METRICS}}


def somewhere(span: tuple[datetime, datetime], days: int, dice: random.Random) -> tuple[datetime, datetime]:
    """A range of so many days anywhere in a span; it ends at a quarter of an hour before the span's end, or there."""
    first, last = span
    room = max(0.0, (last - first).total_seconds() - days * 86_400)
    end = last - timedelta(seconds=dice.random() * room // QUARTER * QUARTER)
    return end - timedelta(days=days), end


async def _span(client: AsyncClient, domain: str) -> tuple[datetime, datetime]:
    first, last = (await client.query(SPAN, parameters={"domain": domain})).result_rows[0]
    return first.replace(tzinfo=UTC), last.replace(tzinfo=UTC)


async def _of(
    client: AsyncClient,
    metric: Metric,
    spans: Mapping[str, tuple[datetime, datetime]],
    rounds: int,
    dice: random.Random,
    run: str,
) -> dict[str, Any]:
    spent: list[float] = []
    tables, rows = set(), 0
    for number in range(rounds):
        for question in _questions(metric, spans[metric.domain.name], DAYS[number % len(DAYS)], dice):
            uncached.mark(client, uncached.comment(run, metric.name, len(spent)))
            began = time.perf_counter()
            found = await answer(client, question)
            spent.append((time.perf_counter() - began) * 1000)
            tables.add(found.reading.source.table)
            rows = max(rows, len(found.rows))
    return kept.times(spent) | {
        "tables": sorted(tables),
        "answer_rows": rows,
    }


def _questions(metric: Metric, span: tuple[datetime, datetime], days: int, dice: random.Random) -> list[Question]:
    begin, end = somewhere(span, days, dice)
    words: dict[str, Any] = {"begin": begin.isoformat(), "end": end.isoformat()}
    if metric.rolling_days:
        return [ask(metric, granularity="day", **words)]
    plain = [ask(metric, **words), ask(metric, granularity="day", **words)]
    return plain + ([ask(metric, by=metric.by[:1], limit=100, **words)] if metric.by else [])


if __name__ == "__main__":
    kept.run("metrics", __doc__, measure, lambda result: kept.table(result["metrics"], "Metric", "tables"), ROUNDS)
