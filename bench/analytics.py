"""How long funnels, retention, cohorts and paths take: `python -m bench analytics --home FOLDER` prints a table.

Each question is asked by its own path, without ClickHouse's caches (bench/uncached.py), over ranges of a day, a week
and thirty days that lie anywhere in the store's span, of which retention and cohorts read all that is kept. The store
is one that `python -m bench volume --keep FOLDER` made. What a question costs the server is that of thirty days: CPU
says more than time does where something else runs on the machine.
"""

import random
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from clickhouse_connect.driver.asyncclient import AsyncClient

from bench import kept, uncached
from clickhouse.analytics import run as running
from clickhouse.analytics.kinds import KINDS
from clickhouse.client import connect
from streams.errors import QueryRefused
from streams.settings import Settings

DAYS = (1, 7, 30)
"""Lengths of the ranges, in turn."""
COST = """
SELECT quantileExact(0.5)(read_rows), quantileExact(0.5)(read_bytes), max(memory_usage),
    quantileExact(0.5)(ProfileEvents['OSCPUVirtualTimeMicroseconds'])
FROM system.query_log WHERE type = 'QueryFinish' AND log_comment = {comment:String} AND read_rows > {least:UInt64}
"""
ROUNDS = 30
"""Times that each question is asked: the 95th percentile of nine is the longest, that of a server just started."""
LEAST = 1000
"""Rows that a statement reads at least if it is the question's own, and not the one about the newest batch."""
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
    """Milliseconds of each question over the rounds, its path, how often it cost too much, and what it cost."""
    client, run = await connect(settings, reading=True), uncached.new_run("analytics")
    try:
        found = {
            name: await _of(client, uncached.comment(run, name, 0), QUESTIONS[name], rounds, dice) for name in QUESTIONS
        }
        await client.command("SYSTEM FLUSH LOGS")
        return {name: each | await _cost(client, uncached.comment(run, name, 0)) for name, each in found.items()}
    finally:
        await client.close()


async def _of(
    client: AsyncClient, comment: str, asked: tuple[str, dict[str, Any]], rounds: int, dice: random.Random
) -> dict[str, Any]:
    kind, words = KINDS[asked[0]], asked[1]
    spent, paths, refused = [], set(), 0
    first, last = (await client.query(SPAN, parameters={"domain": words["domain"]})).result_rows[0]
    room = (last - first).total_seconds()
    for number in range(rounds):
        days = DAYS[number % len(DAYS)]
        end: datetime = last.replace(tzinfo=UTC) - timedelta(seconds=dice.random() * max(0.0, room - days * 86_400))
        span = {"from": (end - timedelta(days=days)).isoformat(), "to": end.isoformat()}
        question = kind.ask(kind.words.model_validate(words | span))
        uncached.mark(client, comment if days == max(DAYS) else "analytics")
        began = time.perf_counter()
        try:
            paths.add((await kind.answer(client, question, running.LIMITS))["path"])
        except QueryRefused:
            refused += 1
        spent.append((time.perf_counter() - began) * 1000)
    return kept.times(spent) | {"paths": sorted(paths), "refused": refused}


async def _cost(client: AsyncClient, comment: str) -> dict[str, int]:
    """What a question over the longest range cost the server; of its memory the most."""
    asked = {"comment": comment, "least": LEAST}
    rows, size, memory, cpu = (await client.query(COST, parameters=asked)).result_rows[0]
    return {"cpu_ms": round(cpu / 1000), "memory_bytes": memory, "read_rows": rows, "read_bytes": size}


if __name__ == "__main__":
    kept.run("analytics", __doc__, measure, lambda result: kept.table(result, "Question", "paths"), ROUNDS)
