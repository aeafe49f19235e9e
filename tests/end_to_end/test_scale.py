"""Several workers on Apache Kafka: shards stay whole and counts exact, whoever joins, leaves, dies or wakes up late."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from deploy.local.kafka import Kafka
from streams.settings import Settings
from streams.world.truth import expected
from tests.end_to_end.conftest import prepared
from tests.support.found import assert_exact, counts, doubled, moved_on, wait_for
from tests.support.producers import send, sending
from tests.support.waiting import until
from tests.support.wire import mixed
from tests.support.workers import Crew, Worker

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

FAULTS = ("--seed", "7", "--invalid", "0.01", "--duplicate", "0.01", "--late", "0.01")
SETTLE_SECONDS = 90.0
RUNS = {"running", "closed"}


def shared(workers: Iterable[Worker], shards: int) -> bool:
    """Whether every shard runs on exactly one of these workers, and each of them has some."""
    owned = [worker.shards for worker in workers]
    numbers = Counter(number for states in owned for number in states)
    states = {state for each in owned for state in each.values()}
    return all(owned) and numbers == Counter(range(shards)) and states <= RUNS


def took_rows(worker: Worker) -> bool:
    """Whether a fair part of the rows went through this worker."""
    return worker.metric("millrace_events_total", outcome="row") > 1000


def wait_shared(workers: list[Worker], shards: int) -> None:
    """Wait until these workers share the shards; fail with what each of them has."""
    try:
        until("the shards are shared", lambda: shared(workers, shards), SETTLE_SECONDS)
    except AssertionError as error:
        raise AssertionError(f"{error}: {[(worker.url, worker.shards) for worker in workers]}") from None


@pytest.fixture
def four(settings: Settings, kafka: Kafka, home: Path) -> Settings:
    """Four partitions on Apache Kafka."""
    own = {"kafka_bootstrap_servers": kafka.url, "kafka_forgets": False, "millrace_home": home, "kafka_partitions": 4}
    return prepared(settings.model_copy(update=own))


@pytest.mark.long
def test_two_workers_share_two_shards_whole(on_kafka: Settings, workers: Crew) -> None:
    both = [workers.start(on_kafka), workers.start(on_kafka)]
    wait_shared(both, 2)
    assert [len(worker.shards) for worker in both] == [1, 1]
    wanted = expected(send(on_kafka, "load", "--rate", "max", "--count", "6000", *FAULTS))
    wait_for(on_kafka, wanted)
    for worker in both:
        until("both worked", partial(took_rows, worker))
        assert worker.metric("millrace_invariants_broken_total") == 0
    assert workers.stop() == [0, 0]
    assert_exact(on_kafka, wanted)


@pytest.mark.faults
def test_three_workers_on_four_partitions_come_and_go_while_a_producer_sends(four: Settings, workers: Crew) -> None:
    """From an empty group and the first offset on: one leaves in order, one is killed, a third joins later."""
    with sending(four, "load", "--rate", "800", "--count", "0", *FAULTS) as producer:
        first, second = workers.start(four), workers.start(four)
        wait_shared([first, second], 4)
        until("rows of both", lambda: moved_on(four) > 2000, SETTLE_SECONDS)
        assert first.stop() == 0
        third = workers.start(four)
        wait_shared([second, third], 4)
        second.kill()
        wait_shared([third], 4)
        first.start()
        second.start()
        wait_shared([first, second, third], 4)
        wanted = expected(producer.stop())
    wait_for(four, wanted, SETTLE_SECONDS)
    assert workers.stop() == [0, 0, 0]
    assert_exact(four, wanted)


@pytest.mark.faults
def test_a_worker_that_wakes_up_after_its_session_doubles_nothing(four: Settings, workers: Crew) -> None:
    """SIGSTOP in the middle of the stream, longer than the session timeout, until another has its shards."""
    impatient = four.model_copy(update={"kafka_session_timeout_seconds": 6})
    with sending(four, "load", "--rate", "800", "--count", "0", *FAULTS) as producer:
        zombie, other = workers.start(impatient), workers.start(impatient)
        wait_shared([zombie, other], 4)
        until("rows", lambda: moved_on(four) > 1000, SETTLE_SECONDS)
        zombie.pause()
        wait_shared([other], 4)
        at = moved_on(four)
        until("rows of the heir", lambda: moved_on(four) > at + 1000, SETTLE_SECONDS)
        zombie.resume()
        wait_shared([zombie, other], 4)
        wanted = expected(producer.stop())
    wait_for(four, wanted, SETTLE_SECONDS)
    assert workers.stop() == [0, 0]
    assert_exact(four, wanted)


def test_only_what_a_transaction_commits_becomes_rows(on_kafka: Settings, workers: Crew) -> None:
    workers.start(on_kafka)
    kept = asyncio.run(transactions(on_kafka, 12))
    wait_for(on_kafka, {"rows": {"events_raw": kept}, "dead_letters": {}})
    assert workers.stop() == [0]
    found = counts(on_kafka)
    assert found["rows"].get("events_raw", 0) + found["rows"].get("events", 0) == kept
    assert found["dead_letters"] == {}
    assert doubled(on_kafka) == {}


async def transactions(settings: Settings, count: int) -> int:
    """Send so many transactions of 100 events, of which every third is aborted; how many events were committed."""
    kept = 0
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers, transactional_id="test")
    await producer.start()
    try:
        for number in range(count):
            await producer.begin_transaction()
            for topic, partition, value in mixed(100, first=100 * number):
                place = TopicPartition(topic, partition)
                await producer.send(place.topic, value, partition=place.partition)
            if number % 3 == 2:
                await producer.flush()
                await producer.abort_transaction()
            else:
                await producer.commit_transaction()
                kept += 100
    finally:
        await producer.stop()
    return kept
