"""One contestant's own part of what all share: a database, topics of its own, a group, a folder."""

import asyncio
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from clickhouse_connect.driver.client import Client

from bench.peers.contestants import OURS, Contestant
from bench.peers.job import WINDOWS_TABLE
from bench.peers.place import Place
from clickhouse import migrate
from clickhouse.client import connect_sync
from deploy.local.process import Command, Process, free_port
from deploy.local.worker import environment
from streams.cli.topics import create
from streams.settings import Settings

ROOT = Path(__file__).parent.parent.parent
GRACE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Site:
    """Where one contestant works in one round."""

    contestant: Contestant
    settings: Settings
    """The product's, with everything in it that is this contestant's own."""
    place: Place
    port: int
    """Of the pages of our own worker."""
    client: Client
    """Of the database."""

    @property
    def url(self) -> str:
        """The pages of our own worker."""
        return f"http://127.0.0.1:{self.port}"

    def process(self, python: str, core: int, *words: str) -> Process:
        """The contestant on one core; `words`: more arguments."""
        own = (
            {
                "KAFKA_PARTITIONS": str(self.settings.kafka_partitions),
                "KAFKA_INTENTS_TOPIC": self.settings.kafka_intents_topic,
                "KAFKA_DEAD_LETTER_TOPIC": self.settings.kafka_dead_letter_topic,
                "KAFKA_ALERT_TOPIC": self.settings.kafka_alert_topic,
                "LOCATION_SAMPLE_RATE": "1",
                "ALERT_RULES_FILE": str(Path(self.place.home) / "no-rules.toml"),
                "WORKER_PORT": str(self.port),
                "WORKER_HOST": "127.0.0.1",
                "LOG_LEVEL": "warning",
            }
            if self.contestant.name == OURS
            else {}
        )
        env = environment(self.settings) | own | self.place.environment() | {"PYTHONPATH": str(ROOT)}
        argv = ("taskset", "-c", str(core), python, *self.contestant.words, *words)
        out = Path(self.place.home) / "output"
        return Process(Command(argv, env=env, grace=GRACE_SECONDS, stdout=out), Path(self.place.home) / "worker.log")


@contextmanager
def opened(contestant: Contestant, running: Settings, number: int) -> Iterator[Site]:
    """A site on running parts, for the `number`th time; what it has in ClickHouse is dropped at the end."""
    name = f"{contestant.name}_{number}"
    settings = running.model_copy(
        update={
            "clickhouse_database": name,
            "kafka_group": name,
            "kafka_intents_topic": f"{name}-intents",
            "kafka_dead_letter_topic": f"{name}-dead-letters",
            "kafka_alert_topic": f"{name}-alerts",
        }
    )
    asyncio.run(create(settings))
    migrate.run(settings)
    client = connect_sync(settings)
    with tempfile.TemporaryDirectory(prefix=f"{name}-") as home:
        (Path(home) / "no-rules.toml").touch()
        place = Place(
            servers=settings.kafka_bootstrap_servers or "",
            group=name,
            dead_letters=settings.kafka_dead_letter_topic,
            clickhouse_url=settings.clickhouse_url or "",
            database=name,
            home=home,
            plain="yes" if contestant.plain else "",
        )
        if contestant.name != OURS:
            client.command(WINDOWS_TABLE)
        try:
            yield Site(
                contestant, settings.model_copy(update={"millrace_home": Path(home)}), place, free_port(), client
            )
        finally:
            client.command(f"DROP DATABASE {name} SYNC")
            client.close()


def pinned() -> int:
    """Keep this process, and all parts that it starts, off one core, which is the contestants'; returns that one."""
    core, *others = sorted(os.sched_getaffinity(0))
    if others:
        os.sched_setaffinity(0, others)
    return core


@contextmanager
def on_all_cores() -> Iterator[None]:
    """Let this process, and all that it has started, run on every core; afterwards each where it was before."""
    before = {thread: os.sched_getaffinity(thread) for thread in _threads()}
    every = range(os.cpu_count() or 1)
    for thread in before:
        _move(thread, every)
    try:
        yield
    finally:
        for thread in _threads():
            _move(thread, before.get(thread, before[os.getpid()]))


def _threads() -> list[int]:
    """Ids of all threads of this process and of those below it."""
    found: list[int] = []
    for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            found += [thread.id for thread in process.threads()]
    return found


def _move(thread: int, cores: Iterable[int]) -> None:
    with suppress(ProcessLookupError):  # it has just ended
        os.sched_setaffinity(thread, cores)
