"""HTTP ingestion, measured: `python -m bench http` prints one line of JSON and writes bench/results/http.json.

One web process takes events, one a request and 500 a request, and sends them to Apache Kafka with acks=all; the client,
the web process and Kafka share the machine. In the same run, before and after, the product's own producer sends the
same events to the same topics as fast as it can, acknowledged in the same way: the ratio to it says more than a figure.
"""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from rich.console import Console

from agents.send import Sender
from bench.ingest import RESULTS, Usage
from bench.ranks import percentile
from bench.world import Message, originals, records
from deploy.local import postgres, redis, tools
from deploy.local.kafka import Kafka
from deploy.local.part import Part
from deploy.local.web import web_part
from metadata import migrate
from metadata.keys import Keys, Scope, Wanted
from metadata.session import connect
from streams.cli.topics import create
from streams.events.domains import DOMAINS
from streams.settings import Settings
from streams.topics import source_topics
from tests.support.posting import NDJSON, ONE
from tests.support.waiting import eventually
from tests.support.wired import Wire, request

EVENTS = 20_000
"""Different events; they are sent again and again."""
BATCH = 500
WARM = 2.0
"""Seconds that are not counted."""
UNLIMITED = 1_000_000
console = Console(stderr=True)


@dataclass
class Load:
    """What some clients saw."""

    events: int
    """Of each request."""
    milliseconds: list[float] = field(default_factory=list)
    seconds: float = 0.0
    cpu: float = 0.0

    def figures(self) -> dict[str, float | int]:
        """The sums."""
        count, ordered = len(self.milliseconds), sorted(self.milliseconds)
        return {
            "events_a_request": self.events,
            "requests_per_second": round(count / self.seconds),
            "events_per_second": round(count * self.events / self.seconds),
            "p50_ms": round(statistics.median(ordered), 2),
            "p95_ms": round(percentile(ordered, 0.95), 2),
            "p99_ms": round(percentile(ordered, 0.99), 2),
            "web_cpu_share": round(self.cpu / self.seconds, 2),
            "web_cpu_microseconds_a_request": round(1e6 * self.cpu / count),
            "web_cpu_microseconds_an_event": round(1e6 * self.cpu / count / self.events, 1),
        }


def requests(messages: Sequence[Message], key: str, size: int) -> list[bytes]:
    """Whole requests, made before the clock runs."""
    values = [value for _, _, value in messages]
    if size == 1:
        return [request("/v1/events", key, ONE, value) for value in values]
    batches = [b"\n".join(values[n : n + size]) for n in range(0, len(values), size)]
    return [request("/v1/events/batch", key, NDJSON, each) for each in batches]


async def load(url: str, sent: Sequence[bytes], size: int, clients: int, seconds: float, usage: Usage) -> Load:
    """Post for so long, over connections that each wait for an answer before they go on."""
    found, waiting = Load(size), cycle(sent)
    begin = time.perf_counter() + WARM
    end = begin + seconds

    async def client() -> None:
        wire = Wire(url)
        while (before := time.perf_counter()) < end:
            said = await wire.say(next(waiting))
            if said.status != 202 or b'"refused":0,' not in said.body:
                raise RuntimeError(f"{said.status}: {said.body[:300]!r}")
            if before >= begin:
                found.milliseconds.append(1000 * (time.perf_counter() - before))
        wire.close()

    async def watch() -> None:
        await asyncio.sleep(WARM)
        before, at = usage.cpu(), time.perf_counter()
        await asyncio.sleep(seconds)
        found.cpu, found.seconds = usage.cpu() - before, time.perf_counter() - at

    await asyncio.gather(watch(), *(client() for _ in range(clients)))
    return found


async def produce(servers: str, messages: Sequence[Message], seconds: float) -> float:
    """Events a second that the product's own producer gets acknowledged."""
    stopped, began = asyncio.Event(), time.perf_counter()
    asyncio.get_running_loop().call_later(seconds, stopped.set)
    async with Sender(servers, source_topics()) as sender:
        await sender.send(records(cycle(messages)), stopped, lambda _: None)
        return sender.acknowledged / (time.perf_counter() - began)


@contextlib.contextmanager
def parts(home: Path) -> Iterator[tuple[Settings, Part]]:
    """Kafka, PostgreSQL, Redis and a web process that takes events."""
    node = Kafka(home / "kafka")
    servers = [
        Part(postgres.Postgres(home / "postgres", "bench", home), postgres.ping, home, lambda _: None),
        Part(redis.Redis(home / "redis", "bench"), redis.ping, home, lambda _: None),
    ]
    node.start()
    started: list[Part] = []
    try:
        for part in servers:
            part.start()
            started.append(part)
        urls = {"database_url": SecretStr(servers[0].url), "redis_url": servers[1].url}
        given = {"kafka_bootstrap_servers": node.url, "millrace_home": home, "log_level": "warning"}
        settings = Settings().model_copy(update=urls | given)
        migrate.run(settings)
        asyncio.run(create(settings))
        web = web_part(settings, home)
        web.start()
        started.append(web)
        yield settings, web
    finally:
        for part in reversed(started):
            part.stop()
        node.stop()


async def new_key(settings: Settings) -> str:
    """A key whose limits are never met."""
    engine = connect(settings)
    try:
        wanted = Wanted("bench", [Scope.EVENTS_WRITE], [*DOMAINS], UNLIMITED, UNLIMITED)
        return (await Keys(engine, settings).create(wanted, "bench"))[1]
    finally:
        await engine.dispose()


async def measure(settings: Settings, web: Part, arguments: argparse.Namespace) -> dict[str, Any]:
    """Reference, single events, batches, reference."""
    servers, key = str(settings.kafka_bootstrap_servers), await new_key(settings)
    messages = [message for message in islice(originals(EVENTS), EVENTS) if message[2]]
    usage, wire = Usage(web.pid), Wire(web.url)
    first = requests(messages[:1], key, 1)[0]

    async def ready() -> bool:
        return (await wire.say(first)).status == 202

    await eventually("the web process to take events", ready)
    wire.close()
    references = [await produce(servers, messages, arguments.seconds / 2)]
    found: dict[str, Any] = {"event_bytes": round(statistics.mean(len(value) for _, _, value in messages))}
    for name, size, clients in (("single", 1, arguments.clients), ("batches", BATCH, arguments.batch_clients)):
        console.print(f"posting {size} a request over {clients} connections for {arguments.seconds:.0f} s")
        made = await load(web.url, requests(messages, key, size), size, clients, arguments.seconds, usage)
        found[name] = made.figures() | {"connections": clients}
        console.print(found[name])
    references.append(await produce(servers, messages, arguments.seconds / 2))
    reference = statistics.mean(references)
    found["producer_events_per_second"] = {"mean": round(reference), "rounds": [round(each) for each in references]}
    for name in ("single", "batches"):
        found[name]["ratio_to_producer"] = round(found[name]["events_per_second"] / reference, 3)
    return found | {"cores": os.cpu_count(), "python": platform.python_version(), "seconds": arguments.seconds}


def main() -> None:
    """Measure, print, and write the result."""
    parser = argparse.ArgumentParser(prog="python -m bench http", description=__doc__)
    parser.add_argument("--seconds", type=float, default=15, help="how long each way is measured")
    parser.add_argument("--clients", type=int, default=64, help="connections that post one event a request")
    parser.add_argument("--batch-clients", type=int, default=8, help="connections that post 500 events a request")
    arguments = parser.parse_args()
    if tools.TOOLS["kafka"].find() is None:
        sys.exit("kafka is missing; run `make tools`")
    with tempfile.TemporaryDirectory() as folder, parts(Path(folder)) as (settings, web):
        result = asyncio.run(measure(settings, web, arguments))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "http.json").write_text(json.dumps(result, indent=2) + "\n")
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
