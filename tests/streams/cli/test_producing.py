"""`millrace load` and `millrace replay` on real brokers: what they say they sent is what stands in the topics."""

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.partitioner import DefaultPartitioner

from agents import sample
from deploy.local.kafka import Kafka
from streams import cli, codec
from streams.cli import topics
from streams.settings import Settings
from streams.topics import source_topics
from streams.world import rides
from streams.world.truth import expected
from tests.support.invoked import call
from tests.support.stack import fresh_broker

PARTITIONS = 3
MILLRACE = [sys.executable, "-m", "streams.cli"]


@dataclass(frozen=True)
class Got:
    """A record as a consumer sees it."""

    topic: str
    partition: int
    key: bytes
    value: bytes | None


SAMPLE_RATE = "0.3"


@pytest.fixture
def servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An embedded broker with the topics of the product, which commands find in the environment."""
    with fresh_broker(tmp_path) as url:
        _create_topics(url)
        for name, value in _own(url).items():
            monkeypatch.setenv(name, value)
        yield url


def _create_topics(url: str) -> None:
    asyncio.run(topics.create(Settings(kafka_bootstrap_servers=url, kafka_partitions=PARTITIONS)))


def _run(*words: str) -> dict[str, Any]:
    """Run a producer to its end; its one line on stdout."""
    done = call(*words)
    assert done.exit_code == 0, done.output
    (line,) = done.stdout.splitlines()
    truth: dict[str, Any] = json.loads(line)
    return truth


def _own(servers: str) -> dict[str, str]:
    return {"KAFKA_BOOTSTRAP_SERVERS": servers, "LOCATION_SAMPLE_RATE": SAMPLE_RATE}


def _consumed(servers: str, count: int) -> list[Got]:
    """The records in the source topics, partition by partition in order: `count`, and more if there are more."""
    return asyncio.run(_consume(servers, count))


async def _consume(servers: str, count: int) -> list[Got]:
    found: list[Got] = []
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    deadline = time.monotonic() + 30
    try:
        consumer.assign([TopicPartition(name, n) for name in source_topics() for n in range(PARTITIONS)])
        await consumer.seek_to_beginning()
        # The embedded broker tells an end that is short of a batch, so it is read until nothing more comes.
        while (chunk := await consumer.getmany(timeout_ms=500)) or len(found) < count:
            assert time.monotonic() < deadline, f"{len(found)} of {count} records"
            for place, records in chunk.items():
                found += [Got(place.topic, place.partition, record.key, record.value) for record in records]
    finally:
        await consumer.stop()
    return found


async def _first(servers: str) -> object:
    """The first record that arrives in the pages."""
    async with AIOKafkaConsumer("ticketing.pages", bootstrap_servers=servers, auto_offset_reset="earliest") as consumer:
        return await asyncio.wait_for(consumer.getone(), 30)


def _found(records: list[Got], rate: float) -> dict[str, Any]:
    """What a worker makes of these records, by the stages themselves but for the skew, which needs a clock."""
    dead: Counter[str] = Counter()
    rows: Counter[str] = Counter()
    sampled_out = duplicates = 0
    seen: set[tuple[str, str]] = set()
    for record in records:
        (event,) = codec.decode_values([record.value], topic=record.topic)
        if isinstance(event, codec.Refusal):
            dead[event.reason] += 1
        elif not 2020 < event.time.year < 2027:
            dead["in_future" if event.time.year >= 2027 else "too_old"] += 1
        elif sample.left_out([event], rate):
            sampled_out += 1
        elif (event.source, event.id) in seen:
            duplicates += 1
        else:
            seen.add((event.source, event.id))
            rows[event.spec.domain.raw_table] += 1
    return {"rows": rows, "dead_letters": dead, "duplicates": duplicates, "sampled_out": sampled_out}


def _check_partitions(records: list[Got]) -> None:
    """Every record lies where Java's default partitioner puts its key."""
    partitioner, everywhere = DefaultPartitioner(), list(range(PARTITIONS))
    places: dict[bytes, int] = {}
    for record in records:
        if record.key not in places:
            places[record.key] = partitioner(record.key, everywhere, everywhere)
        assert record.partition == places[record.key]
    assert len({record.partition for record in records}) == PARTITIONS


def test_the_replay_sends_every_ride_in_order(servers: str) -> None:
    truth = _run("replay", "rides")
    assert (truth["sent"], truth["unacknowledged"], truth["complete"]) == (25_000, 0, True)
    assert set(truth["by_type"].values()) == {5000}
    records = _consumed(servers, 25_000)
    assert len(records) == 25_000
    _check_partitions(records)
    sums: Counter[str] = Counter()
    totals = {"fare": Decimal(0), "tip": Decimal(0), "driver_earnings": Decimal(0), "paid": Decimal(0)}
    latest: dict[tuple[str, int], Any] = {}
    for record in records:
        (event,) = codec.decode_values([record.value], topic=record.topic)
        assert not isinstance(event, codec.Refusal)
        place = (record.topic, record.partition)
        assert latest.get(place, event.time) <= event.time
        latest[place] = event.time
        sums[event.spec.name] += 1
        if event.spec.name == "trip.completed":
            for name in ("fare", "tip", "driver_earnings"):
                totals[name] += getattr(event.data, name)
        if event.spec.name == "payment.success":
            totals["paid"] += event.data.amount
    assert sums == truth["by_type"]
    assert {name: str(total) for name, total in totals.items()} == truth["sums"]


def test_a_replay_again_is_new_and_the_same_run_is_the_same(servers: str, tmp_path: Path) -> None:
    few = tmp_path / "rides.csv"
    few.write_text("".join(rides.FILE.read_text().splitlines(keepends=True)[:11]))
    run = _run("replay", "rides", str(few))["run"]
    assert _run("replay", "rides", str(few), "--run", run)["run"] == run
    other = _run("replay", "rides", str(few), "--times", "weekday")["run"]
    assert other != run
    values = Counter(record.value for record in _consumed(servers, 150))
    assert sorted(values.values()) == [1] * 50 + [2] * 50


def test_a_load_arrives_as_its_truth_says(servers: str) -> None:
    words = ("--rate", "max", "--count", "20000", "--seed", "7")
    truth = _run("load", *words, "--invalid", "0.03", "--duplicate", "0.03", "--late", "0.02")
    records = _consumed(servers, 20_000)
    assert len(records) == truth["sent"] == 20_000
    assert truth["late"] > 200
    foretold, found = expected(truth), _found(records, truth["sample_rate"])
    assert truth["sample_rate"] == 0.3
    assert found["dead_letters"] == foretold["dead_letters"]
    assert (found["duplicates"], found["sampled_out"]) == (foretold["duplicates"], foretold["sampled_out"])
    assert found["rows"] == {table: foretold["rows"][table] for table in ("events", "events_raw")}
    # A record on a wrong topic has its own type's key.
    _check_partitions(records)


def test_the_same_options_and_run_are_the_same_bytes(servers: str) -> None:
    words = ("load", "--rate", "max", "--count", "500", "--seed", "3", "--duplicate", "0.1")
    first = _run(*words)
    _run(*words, "--run", first["run"])
    values = Counter(record.value for record in _consumed(servers, 1000))
    assert values.total() == 1000
    assert all(count % 2 == 0 for count in values.values())


def test_ctrl_c_ends_an_endless_load_with_the_truth(servers: str) -> None:
    words = [*MILLRACE, "analytics", "test", "200", "--domain", "ticketing"]
    with subprocess.Popen(
        words, env=os.environ | _own(servers), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        try:
            assert asyncio.run(_first(servers)) is not None
            process.send_signal(signal.SIGINT)
            truth = json.loads(process.stdout.read())
            assert process.wait(20) == 0
        finally:
            process.kill()
    assert not truth["complete"]
    assert truth["unacknowledged"] == 0
    assert len(_consumed(servers, truth["sent"])) == truth["sent"] > 0


def test_a_replay_takes_as_long_as_its_speed_says(servers: str, tmp_path: Path) -> None:
    few = tmp_path / "rides.csv"
    few.write_text("".join(rides.FILE.read_text().splitlines(keepends=True)[:6]))
    trips = rides.read(few)
    lasted = max(trip.dropped_off for trip in trips) - min(trip.requested for trip in trips)
    speed = lasted.total_seconds() / 0.7
    truth = _run("replay", "rides", str(few), "--speed", f"{speed:.3f}")
    assert truth["sent"] == 25
    assert truth["seconds"] >= 0.69


def test_a_rate_is_kept(servers: str) -> None:
    truth = _run("load", "--rate", "200", "--count", "100", "--domain", "rides")
    assert truth["sent"] == 100
    assert truth["seconds"] >= 99 / 200


def test_a_terminal_sees_how_far_it_is(servers: str) -> None:
    ours, theirs = os.openpty()
    words = [*MILLRACE, "load", "--rate", "max", "--count", "2000"]
    with subprocess.Popen(words, env=os.environ | _own(servers), stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while select.select([ours], [], [], 60)[0]:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # how Linux says that the other end is closed
                break
            shown += piece
        assert process.stdout is not None
        assert json.loads(process.stdout.read())["sent"] == 2000
    os.close(ours)
    assert b"2000/2000" in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("load", "--rate", "max"), "--count"),
        (("load", "--rate", "fast"), "records a second"),
        (("load", "--rate", "-1"), "records a second"),
        (("load", "--invalid", "0.5", "--duplicate", "0.5"), "0.9"),
        (("load", "--count", "1", "--run", "yesterday"), "name of a run"),
        (("replay", "rides", "--speed", "0"), "factor"),
        (("replay", "rides", "--speed", "quick"), "factor"),
        (("replay", "rides", "/nowhere/rides.csv"), "cannot be read"),
        (("load", "--count", "1"), "topics are missing"),
        (("replay", "rides", "--bootstrap", "127.0.0.1:1"), "no broker answers at 127.0.0.1:1"),
    ],
)
def test_what_cannot_work_is_said_in_one_message(
    tmp_path: Path,
    words: tuple[str, ...],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["millrace", *words])
    with fresh_broker(tmp_path) as url:
        monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", url)
        with pytest.raises(SystemExit) as ended:
            cli.main()
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (1, "")
    assert said in err.replace("\n", " ")
    assert "Traceback" not in err


@pytest.mark.kafka
def test_on_apache_kafka_the_producer_is_idempotent(kafka: Kafka) -> None:
    _create_topics(kafka.url)
    words = [*MILLRACE, "load", "--rate", "max", "--count", "5000", "--duplicate", "0.02", "--seed", "2"]
    done = subprocess.run(
        words, env=os.environ | _own(kafka.url), capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    truth = json.loads(done.stdout)
    found = _found(_consumed(kafka.url, 5000), truth["sample_rate"])
    assert found["duplicates"] == expected(truth)["duplicates"]
    assert found["rows"].total() == sum(expected(truth)["rows"].get(table, 0) for table in ("events", "events_raw"))
