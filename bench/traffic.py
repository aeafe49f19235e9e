"""An hour of people in front of dashboards: `python -m bench traffic` prints what the cache gave, and what waited.

Sixty people open boards, change periods, look closer, leave, and others come (bench/visitors.py); a board asks all its
panels again every thirty seconds, while rows go on coming in. The hour is run faster than it lasts (`--speed`), and all
that counts time runs as much faster: people, refreshes, the clock by which periods are cut into quarters of an hour,
and the times that answers are kept (CACHE_TTL_*). What does not is the web process's look at what was delivered, once a
second, and the work itself, which a real hour spreads over more time: waiting is told worse than it would be.

Then a load tool (vegeta) asks one web process for what boards ask, at a steady rate, with the usual times of the cache.
Both share the machine with the servers and their client. Without `--home` a new store has the generated world.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import platform
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final

from clickhouse_connect.driver.client import Client
from rich.console import Console

from bench import attack, history, kept
from bench.ingest import RESULTS, Usage
from bench.visitors import Visitor, seat
from clickhouse import migrate
from clickhouse.client import connect_sync
from deploy.local import tools, web
from deploy.local.part import Part
from deploy.local.process import Command
from deploy.local.stack import Stack
from deploy.local.worker import families
from metadata import migrate as migrate_metadata
from metadata.keys import Keys, Scope, Wanted
from metadata.session import connect as connect_metadata
from streams import codec
from streams.events.domains import DOMAINS
from streams.settings import Settings
from streams.world import clock
from streams.world.dice import Dice
from streams.world.record import Record
from streams.world.traffic import events
from tests.support.rows import bodies, insert, intent
from tests.support.wired import Wire

UNLIMITED: Final = 1_000_000
CACHED: Final = frozenset({"hit", "stale"})
KEPT_FOR: Final = (
    "cache_ttl_open_seconds",
    "cache_stale_open_seconds",
    "cache_ttl_cohort_seconds",
    "cache_ttl_closed_seconds",
)
"""Settings of the times for which answers are kept."""
OUTCOMES: Final = ("hit", "stale", "shared", "miss", "off", "fallback")
FEED_SECONDS: Final = 0.5
"""How often rows come in."""
FEED_ROWS: Final = 25
DAYS: Final = 30.0
"""Over which the events of a new store lie."""
BLOCK: Final = 20_000
NAMES: Final = """
SELECT {column}, count() FROM {table} WHERE {column} != '' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 200
"""
PLACES: Final = {
    "pickup_city": ("pickup_city", "booking_events"),
    "country": ("country", "page_views"),
    "organizer_id": ("organizer_id", "ticket_sales"),
}
console = Console(stderr=True)


class Faster(web.Web):
    """A web process that keeps answers for a fraction of the usual time."""

    def __init__(self, settings: Settings, speed: float) -> None:
        super().__init__(settings)
        self._speed = speed

    def command(self, port: int) -> Command:
        """The server on this port."""
        usual = super().command(port)
        kept_for = {name.upper(): str(getattr(self.settings, name) / self._speed) for name in KEPT_FOR}
        return replace(usual, env={**usual.env, **kept_for})


@dataclass
class Seen:
    """What the people saw."""

    answers: Counter[str] = field(default_factory=Counter)
    cached_ms: list[float] = field(default_factory=list)
    uncached_ms: list[float] = field(default_factory=list)
    refused: Counter[int] = field(default_factory=Counter)

    def note(self, status: int, body: bytes, milliseconds: float) -> None:
        """One request: it was cached if every answer in it was."""
        if status != 200:
            self.refused[status] += 1
            return
        found = {each: body.count(b'"cache":"%b"' % each.encode()) for each in OUTCOMES}
        self.answers.update(found)
        is_cached = not any(count for each, count in found.items() if each not in CACHED)
        (self.cached_ms if is_cached else self.uncached_ms).append(milliseconds)

    def figures(self) -> dict[str, Any]:
        """The sums."""
        of_all = sum(self.answers.values())
        return {
            "requests": len(self.cached_ms) + len(self.uncached_ms),
            "answers": {each: count for each, count in self.answers.items() if count},
            "hit_rate": round(sum(self.answers[each] for each in CACHED) / of_all, 4),
            "fresh_rate": round(self.answers["hit"] / of_all, 4),
            "cached": kept.times(self.cached_ms) if self.cached_ms else {},
            "uncached": kept.times(self.uncached_ms) if self.uncached_ms else {},
            "refused": {str(status): count for status, count in self.refused.items()},
        }


async def hour(url: str, key: str, names: Mapping[str, Sequence[str]], arguments: argparse.Namespace) -> Seen:
    """Let so many people look for so many minutes of a clock that runs faster."""
    seen, speed = Seen(), arguments.speed
    began, start = time.monotonic(), datetime.now(UTC)

    async def person(number: int) -> None:
        for at, visitor in seat(random.Random(f"visitor {number}"), names, arguments.minutes * 60):
            await asyncio.sleep(max(0.0, at / speed - (time.monotonic() - began)))
            wire = Wire(url)  # the last one is closed: nobody keeps a connection for as long as boards wait
            for path in visitor.asks(start + timedelta(seconds=(time.monotonic() - began) * speed)):
                before = time.perf_counter()
                said = await wire.say(asking(path, key))
                seen.note(said.status, said.body, (time.perf_counter() - before) * 1000)
            wire.close()

    await asyncio.gather(*(person(number) for number in range(arguments.visitors)))
    return seen


def misses(url: str) -> dict[str, int]:
    """Questions of a web process for which the cache had nothing, by reason."""
    samples = (sample for family in families(url) for sample in family.samples)
    wanted = (sample for sample in samples if sample.name == "millrace_metric_cache_misses_total")
    return {sample.labels["reason"]: int(sample.value) for sample in wanted}


def asking(path: str, key: str) -> bytes:
    """A whole request."""
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n\r\n".encode()


def board_addresses(names: Mapping[str, Sequence[str]], count: int) -> list[str]:
    """What so many people ask at one time, for the load tool to ask again and again."""
    now = datetime.now(UTC)
    visitors = [Visitor(random.Random(f"load {number}"), names) for number in range(count)]
    return list(dict.fromkeys(path for visitor in visitors for path in visitor.asks(now)))


def fill(settings: Settings, count: int) -> None:
    """Put so many events of the generated world, over the days before now, into a new store, as workers do."""
    client, coming = connect_sync(settings), history.world(count, DAYS)
    for first in range(0, count, BLOCK):
        put(client, settings, coming, min(BLOCK, count - first), f"fill/{first}", first)
    client.close()


def put(client: Client, settings: Settings, coming: Iterator[Record], count: int, token: str, first: int) -> None:
    """Insert the next so many events as one batch; offsets count from `first`."""
    made = codec.decode_values([record.value or b"" for record in islice(coming, count)])
    structs = [each for each in made if not isinstance(each, codec.Refusal)]
    for table, block in bodies(structs, intent(), first=first).items():
        insert(client, settings, table, block, f"{token}/{table}")


@contextlib.contextmanager
def rows_coming_in(settings: Settings) -> Iterator[None]:
    """Insert a few rows of both domains now and again, as workers do, so that the watermark moves."""
    over = threading.Event()

    def feed() -> None:
        client = connect_sync(settings)
        rate = FEED_ROWS / FEED_SECONDS
        coming = events(tuple(DOMAINS), Dice(29), "traffic", clock.live(time.time(), rate), rate)
        for number in itertools.count():
            if over.wait(FEED_SECONDS):
                break
            put(client, settings, coming, FEED_ROWS, f"traffic/{time.time()}", number * FEED_ROWS)
        client.close()

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextlib.contextmanager
def web_process(settings: Settings, speed: float, logs: Path) -> Iterator[Part]:
    """A web process whose answers are kept for a fraction of the usual time."""
    part = Part(Faster(settings, speed), web.ping, logs, lambda _: None)
    part.start()
    try:
        yield part
    finally:
        part.stop()


async def new_key(settings: Settings, *scopes: Scope) -> str:
    """A key whose limits are never met."""
    engine = connect_metadata(settings)
    try:
        wanted = Wanted("bench", scopes, [*DOMAINS], UNLIMITED, UNLIMITED)
        return (await Keys(engine, settings).create(wanted, "bench"))[1]
    finally:
        await engine.dispose()


def measure(settings: Settings, arguments: argparse.Namespace, logs: Path) -> dict[str, Any]:
    """The hour, then the load."""
    client = connect_sync(settings)
    rows = client.query(kept.RAW_ROWS).result_rows[0][0]
    names = {
        name: [str(row[0]) for row in client.query(NAMES.format(column=column, table=table)).result_rows]
        for name, (column, table) in PLACES.items()
    }
    client.close()
    key = asyncio.run(new_key(settings, Scope.METRICS_READ))
    told = {"rows": rows, "cores": os.cpu_count(), "python": platform.python_version()}
    told |= {"visitors": arguments.visitors, "minutes": arguments.minutes, "speed": arguments.speed}
    with rows_coming_in(settings):
        with web_process(settings, arguments.speed, logs) as part:
            console.print(
                f"{arguments.visitors} people for {arguments.minutes:g} minutes, at {arguments.speed:g} times the speed"
            )
            usage, began = Usage(part.pid), time.monotonic()
            before = usage.cpu()
            told |= asyncio.run(hour(part.url, key, names, arguments)).figures()
            passed = time.monotonic() - began
            told |= {"misses": misses(part.url), "load_average": round(os.getloadavg()[2], 1)}
            told |= {"requests_per_second": round(told["requests"] / passed, 1)}
            told |= {"web_cpu_share": round((usage.cpu() - before) / passed, 2)}
        if not arguments.seconds:
            return told
        with web_process(settings, 1.0, logs) as part:
            console.print(f"{arguments.rate} requests a second for {arguments.seconds} s")
            paths = board_addresses(names, arguments.visitors)
            usage = Usage(part.pid)
            before = usage.cpu()
            told["load"] = attack.steady(part.url, key, paths, arguments.rate, arguments.seconds)
            told["load"]["web_cpu_share"] = round((usage.cpu() - before) / arguments.seconds, 2)
    return told


def run(arguments: argparse.Namespace, home: Path) -> dict[str, Any]:
    """Start the parts, fill the store if it is a new one, and measure."""
    is_new = arguments.home is None
    with Stack(Settings(millrace_home=home, log_level="warning"), home) as settings:
        migrate_metadata.run(settings)
        if is_new:
            migrate.run(settings)
            console.print(f"making a store of {arguments.events:,} events")
            fill(settings, arguments.events)
        return measure(settings, arguments, home)


def main() -> None:
    """Measure, print, and write the result."""
    parser = argparse.ArgumentParser(prog="python -m bench traffic", description=__doc__)
    parser.add_argument("--home", type=Path, help="folder of `python -m bench volume --keep`; without it a new store")
    parser.add_argument("--events", type=int, default=200_000, help="of a new store (default: %(default)s)")
    parser.add_argument("--visitors", type=int, default=60, help="people at a time (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=60, help="of their time (default: %(default)s)")
    parser.add_argument("--speed", type=float, default=4, help="how much faster it passes (default: %(default)s)")
    parser.add_argument("--rate", type=int, default=200, help="requests a second of the load (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=60, help="how long; 0: no load (default: %(default)s)")
    arguments = parser.parse_args()
    if arguments.seconds and tools.TOOLS["vegeta"].find() is None:
        sys.exit("vegeta is missing; run `make tools ARGS=vegeta`")
    if arguments.home is not None:
        kept.must_be_kept(arguments.home)
    with tempfile.TemporaryDirectory() as folder:
        result = run(arguments, arguments.home or Path(folder))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "traffic.json").write_text(json.dumps(result, indent=2) + "\n")
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
