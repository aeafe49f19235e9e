"""Where faults happen: Kafka, ClickHouse, Redis, PostgreSQL, workers, and a proxy from each worker to each part."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deploy.local import clickhouse_part, postgres, redis
from deploy.local import worker as pages
from deploy.local.kafka import Kafka
from deploy.local.part import Part, Server
from deploy.local.process import free_port
from streams.cli import topics
from streams.settings import Settings
from tests.faults.way import KafkaWay
from tests.support.found import command, one
from tests.support.proxy import ProxyThread, proxy_thread
from tests.support.tables import migrated
from tests.support.waiting import until
from tests.support.workers import Crew, Worker, crew, environment

MOST_WORKERS = 4
MOVING_SECONDS = 300.0
"""Longest wait for the stream to move again after a fault, the age of its batches left out."""
TOOL_SECONDS = 900.0
"""Longest run of a command. One that holds the shards waits for the age of a batch where one cannot close in time."""
AGE, SETTLE = 20.0, 5.0
"""Where ages are short: seconds until ClickHouse refuses a batch, and until nothing of it can be on its way."""
OTHER_VERSION = "0.0.1"
INSERTS = ("events_raw", "events", "dead_letters")
STEPS = [
    f"{step}:{when}"
    for step in ("intent", "deliver", *(f"insert-{table}" for table in INSERTS))
    for when in ("before", "after")
]
"""Places at which a worker can kill itself."""
SETTINGS: dict[str, Any] = {
    "kafka_partitions": 4,
    "kafka_group": "faults",
    "kafka_forgets": False,
    "kafka_session_timeout_seconds": 6,
    "clickhouse_database": "faults",
    "clickhouse_timeout_seconds": 10.0,
    # Few, larger inserts: every one feeds all views, and all parts share this machine.
    "batch_seconds": 2.0,
    "retry_longest_seconds": 2.0,
    # A poison batch is a fault here, not a reason to stop and ask.
    "dead_letter_limit": 1.0,
    # Every repeat of a run lies within the memory.
    "duplicate_memory_seconds": 7200,
    "log_format": "json",
}
End = Callable[[], object]


@dataclass
class Hand:
    """One worker, and its own ways to the parts."""

    worker: Worker
    kafka: ProxyThread
    clickhouse: ProxyThread
    redis: ProxyThread


@dataclass
class Site:
    """The parts, the workers that run, and what was sent."""

    home: Path
    settings: Settings
    """Of producers and questions: they go to the parts directly."""
    kafka: Kafka
    clickhouse: Part
    redis: Part
    postgres: Part
    crew: Crew
    idle: list[Hand]
    """Not hired."""
    hands: list[Hand] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    """What must be found of what the faults themselves have sent, as `streams.world.truth.expected` tells it."""
    broken: dict[tuple[int, str], float] = field(default_factory=dict)
    """Highest `millrace_invariants_broken_total` of each process."""
    problems: list[str] = field(default_factory=list)
    """What went wrong though no row is wrong."""

    # Workers

    def hire(self) -> Hand:
        """Start one more worker."""
        hand = self.idle.pop(0)
        self.hands.append(hand)
        hand.worker.start()
        return hand

    def dismiss(self, hand: Hand) -> None:
        """Stop a worker in order."""
        self.stop(hand.worker)
        self.hands.remove(hand)
        self.idle.append(hand)

    def pick(self, share: float) -> Hand:
        """One of the workers, by a number from 0 to 1."""
        return self.hands[int(share * len(self.hands)) % len(self.hands)]

    def stop(self, worker: Worker) -> None:
        """SIGTERM; a worker that was up and does not end well is a problem of the run."""
        was_up = self._look_at(worker)
        began = time.monotonic()
        code = worker.stop()
        if was_up and code:
            self.problems.append(
                f"a worker ended with {code}, {time.monotonic() - began:.1f} s after SIGTERM:\n{worker.tail(12)}"
            )

    def other_version(self) -> Path:
        """A folder that, on PYTHONPATH, makes the product say that it is another version."""
        folder = self.home / "other-version"
        about = folder / f"millrace-{OTHER_VERSION}.dist-info" / "METADATA"
        if not about.exists():
            about.parent.mkdir(parents=True)
            about.write_text(f"Metadata-Version: 2.1\nName: millrace\nVersion: {OTHER_VERSION}\n")
            argv = [sys.executable, "-c", "from streams.version import VERSION; print(VERSION)"]
            env = {**os.environ, "PYTHONPATH": str(folder)}
            said = subprocess.run(argv, env=env, capture_output=True, text=True, check=True).stdout.strip()
            assert said == OTHER_VERSION, f"a worker would say {said}: what is installed here comes first"
        return folder

    def clock(self, hours: int) -> dict[str, str]:
        """Set the clock of all workers that run in this environment, by hours from the true time; they see it soon."""
        offset = self.home / "clock"
        offset.write_text(f"{hours:+d}h\n" if hours else "+0\n")
        [library] = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(offset),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def is_idle(self, worker: Worker) -> bool:
        """Whether the worker is up and has no shard, though all shards move."""
        return worker.running and not worker.shards and self.moving(time.time() - 5)

    # The stream

    def look(self) -> None:
        """Remember the invariant counters of every worker that answers."""
        for hand in self.hands:
            self._look_at(hand.worker)

    def _look_at(self, worker: Worker) -> bool:
        """The same of one worker; whether it answers."""
        try:
            pages.ping(worker.url)
        except OSError:
            return False
        self.broken[worker.pid, worker.url] = worker.metric("millrace_invariants_broken_total")
        return True

    def moving(self, since: float) -> bool:
        """Whether of every shard a record appended since (Unix seconds) can be queried."""
        new = " UNION ALL ".join(
            f"SELECT shard FROM {table} WHERE appended_at >= fromUnixTimestamp64Milli({int(since * 1000)})"
            for table in ("events_raw", "events")
        )
        try:
            return bool(one(self.settings, f"SELECT uniqExact(shard) FROM ({new})") == self.settings.kafka_partitions)
        except OSError:
            return False

    def wait_moving(self) -> float:
        """Wait until of every shard a record appended from now on can be queried; the seconds that it took."""
        since, began = time.time(), time.monotonic()
        most = MOVING_SECONDS + self.settings.batch_age_seconds
        try:
            until("every shard to move again", lambda: self.moving(since), most)
        except AssertionError as error:
            shards = [(hand.worker.running, hand.worker.shards) for hand in self.hands]
            raise AssertionError(f"{error}; the workers have {shards}") from None
        return time.monotonic() - began

    # Ways

    # Tools

    def millrace(self, *words: str) -> str:
        """Run the product's command line beside the stream; what it prints. A failure fails the run."""
        env = {**os.environ, **environment(self.settings)}
        argv = [sys.executable, "-m", "streams.cli", *words]
        done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=TOOL_SECONDS)
        assert done.returncode == 0, f"`millrace {' '.join(words)}` ends with {done.returncode}: {done.stderr[-1500:]}"
        return done.stdout


@contextmanager
def opened(home: Path, *, short_age: bool) -> Iterator[Site]:
    """All parts running and empty, with topics and tables, and no worker; all of it gone at the end."""
    with ExitStack() as stack:
        stores = _parts(stack, home)
        settings = Settings(_env_file=None).model_copy(  # type: ignore[call-arg]
            update=SETTINGS
            | {part.server.setting: part.url for part in stores if part.server.setting != "database_url"}
            | {"millrace_home": home / "home"}
            | ({"batch_age_seconds": AGE, "batch_settle_seconds": SETTLE} if short_age else {})
        )
        ports = [free_port() for _ in range(MOST_WORKERS)]
        ways = [stack.enter_context(proxy_thread("127.0.0.1", port, KafkaWay)) for port in ports]
        kafka = Kafka(home / "kafka", ways=[(port, way.port) for port, way in zip(ports, ways, strict=True)])
        kafka.start()
        stack.callback(kafka.stop)
        settings = settings.model_copy(update={"kafka_bootstrap_servers": kafka.url})
        migrated(settings)
        asyncio.run(topics.create(settings))
        if short_age:
            _shorten_age(settings)
        workers = stack.enter_context(crew(home / "workers"))
        hands = [_hand(stack, settings, way, home / "workers" / f"worker-{n}.log") for n, way in enumerate(ways)]
        workers.workers += [hand.worker for hand in hands]
        yield Site(home, settings, kafka, *stores, workers, hands)


def _parts(stack: ExitStack, home: Path) -> tuple[Part, Part, Part]:
    lost: list[str] = []
    parts = []
    servers: list[tuple[Server, Callable[[str], None]]] = [
        (clickhouse_part.ClickHouse(home / "clickhouse", "a-password"), clickhouse_part.ping),
        (redis.Redis(home / "redis", "a-password"), redis.ping),
        (postgres.Postgres(home / "postgres", "a-password", home), postgres.ping),
    ]
    for server, ping in servers:
        part = Part(server, ping, home, lost.append)
        part.start()
        stack.callback(part.stop)
        parts.append(part)
    return parts[0], parts[1], parts[2]


def _shorten_age(settings: Settings) -> None:
    """Let ClickHouse refuse a batch after AGE, as the settings say."""
    for table in INSERTS:
        command(settings, f"ALTER TABLE {table} DROP CONSTRAINT fresh")
        command(
            settings,
            f"ALTER TABLE {table} ADD CONSTRAINT fresh CHECK ingested_at BETWEEN "
            f"nowInBlock64(3) - INTERVAL {AGE:.0f} SECOND AND nowInBlock64(3) + INTERVAL 1 MINUTE",
        )


def _hand(stack: ExitStack, settings: Settings, kafka: ProxyThread, log: Path) -> Hand:
    clickhouse_way, clickhouse_url = _way(stack, settings.clickhouse_url or "")
    redis_way, redis_url = _way(stack, settings.redis_url or "")
    own = settings.model_copy(
        update={
            "kafka_bootstrap_servers": f"127.0.0.1:{kafka.port}",
            "clickhouse_url": clickhouse_url,
            "redis_url": redis_url,
        }
    )
    return Hand(Worker(own, log), kafka, clickhouse_way, redis_way)


def _way(stack: ExitStack, url: str) -> tuple[ProxyThread, str]:
    """A proxy to the part at this address, and the address through it."""
    parts = urlsplit(url)
    way = stack.enter_context(proxy_thread(parts.hostname or "", parts.port or 0))
    return way, url.replace(f":{parts.port}", f":{way.port}")
