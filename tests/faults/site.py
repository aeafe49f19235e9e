"""Where faults happen: Kafka, ClickHouse, Redis, PostgreSQL, workers, producers, and what must be found of them."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.local import worker as pages
from deploy.local.kafka import Kafka
from deploy.local.part import Part
from deploy.local.totals import LeftOut
from streams.settings import Settings
from streams.world.truth import expected, merged
from tests.faults.oracle import Oracle
from tests.faults.versions import Version, copied
from tests.support.found import command, moved_on, one, query, total
from tests.support.producers import Producer
from tests.support.proxy import ProxyThread
from tests.support.waiting import until
from tests.support.workers import Crew, Worker, environment

MOST_WORKERS = 4
PARTITIONS = 4
MOVING_SECONDS = 300.0
"""Longest wait for the stream to move again after a fault, the age of its batches left out."""
TOOL_SECONDS = 900.0
"""Longest run of a command. One that holds the shards waits for the age of a batch where one cannot close in time."""
AGE, SETTLE = 20.0, 5.0
"""Where ages are short: seconds until ClickHouse refuses a batch, and until nothing of it can be on its way."""
DRAIN_SECONDS, TAKEN_SECONDS = 240.0, 120.0
"""Longest waits for the last row, the age of its batch left out, and for the record that leaves out the last event."""
INSERTS = ("events_raw", "events", "dead_letters")
STEPS = [
    f"{step}:{when}"
    for step in ("intent", "deliver", *(f"insert-{table}" for table in INSERTS))
    for when in ("before", "after")
]
"""Places at which a worker can kill itself."""


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
    oracle: Oracle
    """Has to read a source topic before that is cut or created anew."""
    left_out: LeftOut
    """Has to read the log of intents before that is cut or created anew."""
    words: Sequence[str] = ()
    """What the producer is started with."""
    producer: Producer | None = None
    hands: list[Hand] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    """What must be found of what the faults themselves have sent, as `streams.world.truth.expected` tells it."""
    contested: int = 0
    """Events sent that versions judge differently; they are not in `sent`."""
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

    def stop_all(self) -> None:
        """Stop every worker in order, one after the other."""
        for hand in self.hands:
            self.stop(hand.worker)

    def start_all(self, **more: str) -> None:
        """Start every worker. `more`: environment variables."""
        for hand in self.hands:
            hand.worker.start(**more)

    def version(self, version: Version) -> Path:
        """The folder in which a worker runs as this version."""
        return copied(version, self.home)

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

    def wait_stopped(self, error: str, shards: int) -> None:
        """Wait until so many shards have stopped, each with this error."""
        urls = [hand.worker.url for hand in self.hands]

        def all_stopped() -> bool:
            why = [line for url in urls for line in pages.stopped(url)]
            return len(why) == shards and all(f": {error}: " in line for line in why)

        try:
            # Of a topic that was created anew a group may hear as late as it asks for the topics again.
            until(f"{shards} shards to stop with {error}", all_stopped, 2 * MOVING_SECONDS)
        except AssertionError as wrong:
            told = [(hand.worker.shards, pages.stopped(hand.worker.url)) for hand in self.hands]
            raise AssertionError(f"{wrong}; the workers have {told}") from None

    def repair(self, error: str, *words: str, shards: int = PARTITIONS) -> list[dict[str, Any]]:
        """Once so many shards have stopped with this error, do what it says; what the repair tells of each shard."""
        self.wait_stopped(error, shards)
        self.stop_all()
        said: dict[str, Any] = json.loads(self.millrace("intents", "repair", "--yes", "--json", *words))
        self.start_all()
        told: list[dict[str, Any]] = said["shards"]
        return told

    # Producers

    def send(self) -> None:
        """Start the producer."""
        self.producer = Producer(self.settings, tuple(self.words))

    def cease(self) -> None:
        """Stop the producer, and remember what it says that it sent."""
        producer, self.producer = self.producer, None
        assert producer is not None, "nobody sends"
        try:
            self.sent.append(expected(producer.stop()))
        finally:
            producer.end()

    def end(self) -> None:
        """Kill the producer if one runs."""
        if self.producer is not None:
            self.producer.end()

    def wait_delivered(self) -> None:
        """Wait until all that was sent is there, and the log of intents has left out what it must. Nobody sends."""
        wanted = merged(self.sent)
        there = total(wanted)["rows"] + total(wanted)["dead_letters"] + self.contested
        left_out = {"duplicate": wanted["duplicates"], "sampled_out": wanted["sampled_out"]}
        age = self.settings.batch_age_seconds
        try:
            until("the last row to be there", lambda: moved_on(self.settings) >= there, DRAIN_SECONDS + age)
            until("the last event to be taken", lambda: self._left_out(left_out) == left_out, TAKEN_SECONDS)
        except AssertionError as error:
            got = f"{moved_on(self.settings)} rows of {there}, left out {self.left_out.counts()} of {left_out}"
            raise AssertionError(f"{error}: {got}") from None

    def _left_out(self, words: Iterable[str]) -> dict[str, int]:
        """What the log of intents says of these words."""
        found = asyncio.run(self.left_out.read())
        return {word: found[word] for word in words}

    def judge_all(self) -> None:
        """Before a topic is cut or created anew: read what the topics and the log of intents say until now."""
        asyncio.run(self.oracle.read())
        asyncio.run(self.left_out.read())

    # ClickHouse

    def ask(self, sql: str) -> list[list[Any]]:
        """Rows of a query."""
        return query(self.settings, sql)

    def command(self, sql: str) -> None:
        """Run a statement that answers nothing."""
        command(self.settings, sql)

    # Tools

    def millrace(self, *words: str, codes: Collection[int] = (0,)) -> str:
        """Run the product's command line beside the stream; what it prints. Another exit code fails the run."""
        env = {**os.environ, **environment(self.settings)}
        argv = [sys.executable, "-m", "streams.cli", *words]
        done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=TOOL_SECONDS)
        said = f"`millrace {' '.join(words)}` ends with {done.returncode}: {done.stderr[-1500:]}"
        assert done.returncode in codes, said
        return done.stdout
