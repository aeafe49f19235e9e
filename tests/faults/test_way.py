"""A worker's way to the broker: it is told no other, and the answer to an append can be cut on it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local.kafka import Kafka
from deploy.local.process import free_port
from tests.faults.way import KafkaWay
from tests.support.proxy import proxy
from tests.support.tools import need

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


async def held(url: str) -> list[bytes]:
    """All values of partition 0 of topic t."""
    place = TopicPartition("t", 0)
    async with AIOKafkaConsumer(bootstrap_servers=url, auto_offset_reset="earliest") as consumer:
        consumer.assign([place])
        [end] = (await consumer.end_offsets([place])).values()
        return [(await consumer.getone()).value for _ in range(end)]


@pytest.mark.long
async def test_an_append_without_an_answer_stands_in_the_log_twice(tmp_path: Path) -> None:
    need("kafka")
    port = free_port()
    async with proxy("127.0.0.1", port, KafkaWay) as way:
        node = Kafka(tmp_path / "kafka", brief=True, ways=[(port, way.port)])
        await asyncio.to_thread(node.start)
        try:
            admin: Any = AIOKafkaAdminClient(bootstrap_servers=node.url)
            await admin.start()
            await admin.create_topics([NewTopic("t", 1, 1)])
            await admin.close()
            async with AIOKafkaProducer(bootstrap_servers=f"127.0.0.1:{way.port}", acks="all") as producer:
                way.swallows = 1
                await producer.send_and_wait("t", b"1", partition=0)
                assert way.swallowed == 1
            assert await held(node.url) == [b"1", b"1"]
        finally:
            await asyncio.to_thread(node.stop)
