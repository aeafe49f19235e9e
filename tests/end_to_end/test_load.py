"""A seeded load with faults, repeats and late events, with worker and ClickHouse killed in between: to the unit.

MILLRACE_LOAD is the number of records, 8,000 if not given; 500,000 is the full proof.
"""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.local.part import Part
from streams.settings import Settings
from streams.world.truth import expected
from tests.end_to_end.conftest import prepared
from tests.support.found import assert_exact, moved_on, query, total, wait_for
from tests.support.producers import sending
from tests.support.waiting import until
from tests.support.workers import Crew

COUNT = int(os.environ.get("MILLRACE_LOAD", "8000"))
PATIENCE = 120 + COUNT / 1000
WORDS = ("load", "--rate", "max", "--seed", "20", "--invalid", "0.04", "--duplicate", "0.01", "--late", "0.02")
SAMPLE = 60

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + COUNT / 100)]


def load_with_kills(settings: Settings, server: Part, workers: Crew) -> dict[str, Any]:
    """Send all while worker and ClickHouse are killed; the expectation, once no worker runs any more."""
    worker = workers.start(settings).wait_ready(settings.kafka_partitions)
    with sending(settings, *WORDS, "--count", str(COUNT)) as producer:
        until("an eighth of the rows", lambda: moved_on(settings) > COUNT / 8, PATIENCE)
        worker.kill()
        assert moved_on(settings) < COUNT * 0.9
        worker.start()
        until("half of the rows", lambda: moved_on(settings) > COUNT / 2, PATIENCE)
        os.kill(server.pid, signal.SIGKILL)
        until("ClickHouse is up again", lambda: server.restarts == 1, 60)
        assert moved_on(settings) < COUNT * 0.9
        truth = producer.truth(PATIENCE)
    wanted = expected(truth)
    assert sum(total(wanted).values()) == truth["sent"] == COUNT
    wait_for(settings, wanted, PATIENCE)
    assert workers.stop() == [0]
    return wanted


def check(settings: Settings, server: Part, workers: Crew) -> None:
    """The whole proof on the broker of these settings."""
    # Many small batches: more places to be killed at.
    small = {"clickhouse_url": server.url, "batch_rows": max(500, COUNT // 50)}
    settings = prepared(settings.model_copy(update=small))
    wanted = load_with_kills(settings, server, workers)
    assert_exact(settings, wanted)
    assert {"malformed", "unknown_type", "wrong_topic", "invalid", "in_future", "too_old"} == set(
        wanted["dead_letters"]
    )
    assert min(wanted["duplicates"], wanted["sampled_out"]) > COUNT / 400  # the load holds what it is to prove
    check_bytes(settings)


def check_bytes(settings: Settings) -> None:
    """Dead letters, drawn from all reasons, hold what the broker holds."""
    columns = "topic, partition, offset, hex(key), hex(value)"
    letters = query(settings, f"SELECT {columns} FROM dead_letters ORDER BY sipHash64(reason, offset) LIMIT {SAMPLE}")
    assert len(letters) == SAMPLE
    originals = asyncio.run(records(settings, [(topic, n, offset) for topic, n, offset, _, _ in letters]))
    for topic, partition, offset, key, value in letters:
        original = originals[topic, partition, offset]
        assert bytes.fromhex(key) == (original.key or b"")
        assert bytes.fromhex(value) == (original.value or b"")


async def records(settings: Settings, places: list[tuple[str, int, int]]) -> dict[tuple[str, int, int], Any]:
    """The records at these places of the log."""
    found = {}
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka_bootstrap_servers, enable_auto_commit=False)
    await consumer.start()
    try:
        for topic, partition, offset in places:
            place = TopicPartition(topic, partition)
            consumer.assign([place])
            consumer.seek(place, offset)
            found[topic, partition, offset] = await consumer.getone(place)
    finally:
        await consumer.stop()
    assert all(record.offset == offset for (_, _, offset), record in found.items())
    return found


def test_the_load_is_exact_on_the_embedded_broker(
    settings: Settings, home: Path, own_clickhouse: Part, workers: Crew
) -> None:
    check(settings.model_copy(update={"millrace_home": home}), own_clickhouse, workers)


@pytest.mark.kafka
@pytest.mark.faults
def test_the_load_is_exact_on_apache_kafka(on_kafka: Settings, own_clickhouse: Part, workers: Crew) -> None:
    check(on_kafka, own_clickhouse, workers)
