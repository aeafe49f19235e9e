"""Apache Kafka under a test's control keeps its records over a kill, on the same address."""

from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local import tools
from deploy.local.kafka import Kafka
from tests.support.processes import alive
from tests.support.tools import MISSING, need

pytestmark = pytest.mark.kafka


async def produce(url: str, values: list[bytes]) -> None:
    """Send values to partition 0 of topic t, acknowledged."""
    async with AIOKafkaProducer(bootstrap_servers=url, acks="all") as producer:
        for value in values:
            await producer.send_and_wait("t", value, partition=0)


async def consume(url: str, count: int) -> list[bytes]:
    """Read the first values of partition 0 of topic t."""
    consumer = AIOKafkaConsumer(bootstrap_servers=url, auto_offset_reset="earliest")
    consumer.assign([TopicPartition("t", 0)])
    async with consumer:
        return [(await consumer.getone()).value for _ in range(count)]


@pytest.mark.faults  # as all are that kill it
async def test_records_survive_kill_and_restart(own_kafka: Kafka) -> None:
    url = own_kafka.url
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=url)
    await admin.start()
    await admin.create_topics([NewTopic("t", 1, 1)])
    await admin.close()
    await produce(url, [b"1", b"2"])
    before = own_kafka.pid
    own_kafka.kill()
    assert alive([before]) == []
    own_kafka.start()
    assert (own_kafka.url, own_kafka.pid != before) == (url, True)
    own_kafka.pause()
    own_kafka.resume()
    await produce(url, [b"3"])
    assert await consume(url, 3) == [b"1", b"2", b"3"]


def test_missing_tool_is_skipped_by_name_and_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tools.TOOLS, "kafka", tools.TOOLS["kafka"]._replace(find=lambda: None))
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"kafka is missing.*make tools"):
        need("kafka")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="kafka is missing"):
        need("kafka")
    MISSING.discard("kafka")
