"""Parts that go away under load: lag grows and memory does not, nothing becomes a dead letter, all comes back alone."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from agents.build import SMALLEST_BUFFER
from deploy.local import redis
from deploy.local.kafka import Kafka
from deploy.local.part import Part
from streams.settings import Settings
from streams.world.truth import expected, merged
from tests.end_to_end.conftest import prepared
from tests.support.found import assert_exact, counts, doubled, moved_on, wait_for
from tests.support.producers import send, sending
from tests.support.proxy import proxy_thread
from tests.support.stack import broker_behind
from tests.support.waiting import PAUSE, until
from tests.support.workers import Crew, Worker

pytestmark = pytest.mark.slow

AWAY_SECONDS = 10.0
PATIENCE_SECONDS = 90.0
EVENT_BYTES, TIMES = 500, 6
"""An event's, about; and how many times the buffer is sent."""
GROWTH = 100 << 20
"""Bytes that a worker may take in an outage beyond what it had before: its buffer, as bytes and as objects."""


@dataclass
class Seen:
    """What a worker showed while a part was away."""

    memory: int = 0
    lag: float = 0.0
    buffered: float = 0.0
    states: set[str] = field(default_factory=set)

    def look(self, worker: Worker) -> None:
        """Take the highest of each figure."""
        self.memory = max(self.memory, worker.memory)
        self.lag = max(self.lag, worker.metric("millrace_lag_records"))
        self.buffered = max(self.buffered, worker.metric("millrace_buffered_bytes"))
        self.states |= set(worker.shards.values())


def watch(worker: Worker, seconds: float, enough: Callable[[Seen], bool] = lambda _: True) -> Seen:
    """Look at the worker for so long, and on until enough was seen; not longer than PATIENCE_SECONDS."""
    seen, began = Seen(), time.monotonic()
    while time.monotonic() < began + seconds or not enough(seen):
        assert worker.running
        assert time.monotonic() < began + PATIENCE_SECONDS, seen
        seen.look(worker)
        PAUSE.wait(1)
    return seen


def small(settings: Settings, **more: object) -> Settings:
    """A small buffer, so that an outage fills it; short waits; few inserts, which are most of what these tests cost."""
    return settings.model_copy(
        update={
            "buffer_bytes": SMALLEST_BUFFER * settings.kafka_partitions,
            "clickhouse_timeout_seconds": 5.0,
            "batch_seconds": 2.0,
            "retry_longest_seconds": 1.0,
            **more,
        }
    )


def clickhouse_away(
    settings: Settings, worker: Worker, leave: Callable[[], None], come_back: Callable[[], None]
) -> dict[str, Any]:
    """Send many times what the buffer holds while ClickHouse is away; what must be there in the end."""
    buffer, count = settings.buffer_bytes, settings.buffer_bytes // EVENT_BYTES * TIMES
    worker.wait_ready(settings.kafka_partitions)
    truths = [expected(send(settings, "load", "--rate", "max", "--count", str(count // 10), "--seed", "1"))]
    wait_for(settings, merged(truths))
    before, process = worker.memory, worker.pid
    leave()
    truths.append(expected(send(settings, "load", "--rate", "max", "--count", str(count), "--seed", "2")))
    seen = watch(worker, AWAY_SECONDS, lambda seen: "waiting" in seen.states and seen.lag > count * 0.6)
    come_back()
    wanted = merged(truths)
    wait_for(settings, wanted)
    assert worker.pid == process
    assert worker.metric("millrace_pauses_total") > 0
    assert 0 < seen.buffered < buffer + (4 << 20)
    assert seen.memory < before + GROWTH
    return wanted


@pytest.mark.long
@pytest.mark.kafka
def test_clickhouse_that_hangs(on_kafka: Settings, own_clickhouse: Part, workers: Crew) -> None:
    """SIGSTOP: it takes connections and answers nothing, so every try ends with an unknown outcome."""
    settings = prepared(small(on_kafka, clickhouse_url=own_clickhouse.url))
    pid = own_clickhouse.pid
    wanted = clickhouse_away(
        settings, workers.start(settings), lambda: os.kill(pid, signal.SIGSTOP), lambda: os.kill(pid, signal.SIGCONT)
    )
    assert workers.stop() == [0]
    assert_exact(settings, wanted)
    assert own_clickhouse.restarts == 0


@pytest.mark.faults
def test_clickhouse_that_refuses_connections(embedded: Settings, workers: Crew) -> None:
    url = urlsplit(embedded.clickhouse_url or "")
    with proxy_thread(url.hostname or "", url.port or 0) as way:
        behind = url._replace(netloc=f"{url.netloc.rpartition(':')[0]}:{way.port}").geturl()
        settings = small(embedded, clickhouse_url=behind)
        worker = workers.start(settings)
        wanted = clickhouse_away(settings, worker, way.refuse, way.accept)
        assert workers.stop() == [0]
    assert_exact(embedded, wanted)


def test_the_broker_cannot_be_reached_for_a_while(
    settings: Settings, home: Path, workers: Crew, tmp_path: Path
) -> None:
    """Every connection breaks, and none is to be had for some seconds; producer and worker go on by themselves."""
    with broker_behind(tmp_path / "broker") as way:
        own = {"kafka_bootstrap_servers": f"127.0.0.1:{way.port}", "millrace_home": home}
        settings = prepared(small(settings.model_copy(update=own)))
        worker = workers.start(settings).wait_ready(settings.kafka_partitions)
        with sending(settings, "load", "--rate", "400", "--count", "0") as producer:
            until("rows", lambda: moved_on(settings) > 400)
            process = worker.pid
            way.refuse()
            watch(worker, AWAY_SECONDS / 2)
            stood = moved_on(settings)
            way.accept()
            until("rows again", lambda: moved_on(settings) > stood + 400)
            wanted = expected(producer.stop())
        wait_for(settings, wanted)
        assert worker.pid == process
        assert workers.stop() == [0]
        assert doubled(settings) == {}
        # A record whose acknowledgement was lost is sent again: a duplicate more, and no row.
        assert counts(settings) == {"rows": wanted["rows"], "dead_letters": {}}


@pytest.mark.kafka
@pytest.mark.faults
@pytest.mark.parametrize("end", [Kafka.stop, Kafka.kill], ids=["stopped", "killed"])
def test_the_broker_goes_and_comes_back(
    on_own_kafka: Settings, own_kafka: Kafka, workers: Crew, end: Callable[[Kafka], None]
) -> None:
    """It is started again on its data and port; producer and worker go on by themselves."""
    worker = workers.start(small(on_own_kafka)).wait_ready(on_own_kafka.kafka_partitions)
    with sending(on_own_kafka, "load", "--rate", "800", "--count", "0", "--duplicate", "0.01") as producer:
        until("rows", lambda: moved_on(on_own_kafka) > 2000, 60)
        before, process = worker.memory, worker.pid
        end(own_kafka)
        seen = watch(worker, AWAY_SECONDS)
        stood = moved_on(on_own_kafka)
        own_kafka.start()
        until("rows again", lambda: moved_on(on_own_kafka) > stood + 2000, 90)
        wanted = expected(producer.stop())
    wait_for(on_own_kafka, wanted, 90)
    assert worker.pid == process
    assert seen.memory < before + GROWTH
    assert workers.stop() == [0]
    assert_exact(on_own_kafka, wanted)


@pytest.mark.long
def test_redis_away_means_nothing_to_the_stream(embedded: Settings, workers: Crew, tmp_path: Path) -> None:
    server = Part(redis.Redis(tmp_path / "redis", "a-password"), redis.ping, tmp_path, lambda _: None)
    server.start()
    workers.start(embedded.model_copy(update={"redis_url": server.url})).wait_ready(embedded.kafka_partitions)
    server.stop()
    wanted = expected(send(embedded, "load", "--rate", "max", "--count", "5000"))
    wait_for(embedded, wanted)
    assert workers.stop() == [0]
    assert_exact(embedded, wanted)
