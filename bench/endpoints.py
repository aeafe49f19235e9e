"""How long the addresses of metrics take over HTTP: `python -m bench endpoints --home FOLDER` prints a table.

One web process answers, over a connection that is kept. Every metric of every address is asked over ranges of a day, a
week and thirty days that lie anywhere in the store's span, as a total, by day, and by its first dimension; places by
every level, boards by every rank. Each question is asked once while the cache has no answer, and then a few times more:
the answer's own word tells which of both it was. The store is one that `python -m bench volume --keep FOLDER` made.
"""

import asyncio
import contextlib
import random
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import redis.asyncio as redis
from rich.progress import track
from rich.table import Table

from api.metrics.boards import BOARDS
from api.metrics.geo import GROUP as PLACES
from api.metrics.routes import PATHS
from bench import kept
from bench.metrics import DAYS, somewhere, spans
from bench.traffic import asking, console, new_key, web_process
from clickhouse.client import connect
from clickhouse.metrics import catalogue, geo
from clickhouse.metrics.metric import Metric
from metadata import migrate as migrate_metadata
from metadata.keys import Scope
from streams.events.domains import DOMAINS, RIDES
from streams.settings import Settings
from tests.support.wired import Wire

AGAIN: Final = 4
"""Times that a question is asked once the cache has its answer."""
ROUNDS: Final = 3
Words = dict[str, str]
Ranges = Mapping[str, tuple[datetime, datetime]]


@dataclass
class Address:
    """What one address took, in milliseconds."""

    first: list[float] = field(default_factory=list)
    cached: list[float] = field(default_factory=list)
    refused: int = 0

    def note(self, status: int, body: bytes, milliseconds: float) -> None:
        """One request."""
        if status != 200:
            self.refused += 1
        elif b'"cache":"hit"' in body:
            self.cached.append(milliseconds)
        else:
            self.first.append(milliseconds)

    def figures(self) -> dict[str, Any]:
        """Times of both kinds, and how many questions there were."""
        return {
            "questions": len(self.first),
            "refused": self.refused,
            "uncached": kept.times(self.first),
            "cached": kept.times(self.cached),
        }


def questions(number: int, ranges: Ranges, dice: random.Random) -> Iterator[tuple[str, Words]]:
    """The address and the words of every question of a round."""
    days = DAYS[number % len(DAYS)]
    for group in catalogue.GROUPS:
        for metric in catalogue.of_group(group):
            for more in _ways(metric):
                yield group, {"metric": metric.name, **_range(metric.domain.name, ranges, days, dice), **more}
    for domain in DOMAINS.values():
        for level in geo.names(domain):
            metric = geo.metrics(domain)[0]
            words = {"domain": domain.name, "level": level.value, "metric": metric.short}
            yield PLACES, {**words, **_range(domain.name, ranges, days, dice)}
    for address, board in BOARDS.items():
        for rank in board.ranks:
            yield address, {"rank_by": rank, **_range(RIDES.name, ranges, days, dice)}


def _ways(metric: Metric) -> Iterator[Words]:
    if metric.rolling_days:
        yield {"granularity": "day"}
        return
    yield {}
    yield {"granularity": "day"}
    if metric.by:
        yield {"by": metric.by[0], "limit": "100"}


def _range(domain: str, ranges: Ranges, days: int, dice: random.Random) -> Words:
    begin, end = somewhere(ranges[domain], days, dice)
    return {"from": begin.isoformat(), "to": end.isoformat()}


async def _ask(url: str, key: str, rounds: int, ranges: Ranges, dice: random.Random) -> dict[str, Address]:
    found: dict[str, Address] = {}
    wire = Wire(url)
    asked = [each for number in range(rounds) for each in questions(number, ranges, dice)]
    with contextlib.closing(wire):
        for address, words in track(asked, "asking", console=console):
            request = asking(f"{PATHS}{address}?{urlencode(words)}", key)
            for _ in range(1 + AGAIN):
                began = time.perf_counter()
                said = await wire.say(request)
                found.setdefault(address, Address()).note(said.status, said.body, (time.perf_counter() - began) * 1000)
    return found


async def _forget(settings: Settings) -> None:
    """Empty the Redis of the kept store, or the first question might be an earlier run's."""
    client = redis.Redis.from_url(settings.redis_url or "")
    try:
        await client.flushdb()
    finally:
        await client.aclose()


async def measure(settings: Settings, rounds: int, dice: random.Random) -> dict[str, Any]:
    """Raw rows of the store, and what each address took."""
    await asyncio.to_thread(migrate_metadata.run, settings)
    await _forget(settings)
    key = await new_key(settings, Scope.METRICS_READ, Scope.PEOPLE_READ)
    client = await connect(settings)
    try:
        ranges = await spans(client)
        rows = (await client.query(kept.RAW_ROWS)).result_rows[0][0]
    finally:
        await client.close()
    with tempfile.TemporaryDirectory() as logs, web_process(settings, 1.0, Path(logs)) as part:
        found = await _ask(part.url, key, rounds, ranges, dice)
    return {"rows": rows, "addresses": {name: each.figures() for name, each in found.items()}}


def show(result: dict[str, Any]) -> Table:
    """The table that is printed."""
    made = Table("Address", "Questions", "Refused", "Uncached p50 ms", "p95", "Cached p50 ms", "p95", "Longest")
    for name, each in result["addresses"].items():
        fresh, old = each["uncached"], each["cached"]
        times = (fresh["median_ms"], fresh["p95_ms"], old["median_ms"], old["p95_ms"], old["longest_ms"])
        made.add_row(name, f"{each['questions']:,}", f"{each['refused']}", *(f"{spent:.1f}" for spent in times))
    return made


if __name__ == "__main__":
    kept.run("endpoints", __doc__, measure, show, ROUNDS)
