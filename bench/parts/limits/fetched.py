"""The records of the source topics, without a group: what a limit is measured over is fetched before."""

from collections.abc import AsyncGenerator
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from bench.parts.order import PARTITIONS
from streams.topics import source_topics


async def fetched(servers: str) -> AsyncGenerator[tuple[TopicPartition, list[Any]], None]:
    """All records from the beginning on, as they come, and for ever: whoever asks knows when it has enough."""
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        parts = [TopicPartition(topic, n) for topic in source_topics() for n in range(PARTITIONS)]
        consumer.assign(parts)
        await consumer.seek_to_beginning(*parts)
        while True:
            for tp, records in (await consumer.getmany(timeout_ms=1000)).items():
                yield tp, records
    finally:
        await consumer.stop()
