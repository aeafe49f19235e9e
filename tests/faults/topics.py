"""What befalls topics: created anew, or cut at their head."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from agents.consumer import stop
from streams.cli import topics
from streams.settings import Settings

SECONDS = 60.0
"""Longest wait for the broker to have forgotten a topic."""


def everything(settings: Settings) -> list[str]:
    """The names of all topics that the product uses."""
    return list(topics.wanted(settings))


async def create_anew(settings: Settings, names: Collection[str]) -> None:
    """Delete topics and create them again, empty."""
    async with _admin(settings) as admin:
        await admin.delete_topics(list(names))
        async with asyncio.timeout(SECONDS):
            while set(names) & set(await admin.list_topics()):  # noqa: ASYNC110  # nothing tells
                await asyncio.sleep(0.05)
    await topics.create(settings)


async def ends(settings: Settings, topic: str) -> dict[int, int]:
    """The end of each partition of a topic."""
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka_bootstrap_servers, enable_auto_commit=False)
    await consumer.start()
    try:
        places = [TopicPartition(topic, number) for number in range(settings.kafka_partitions)]
        return {place.partition: end for place, end in (await consumer.end_offsets(places)).items()}
    finally:
        await stop(consumer)


async def cut(settings: Settings, topic: str, before: Mapping[int, int]) -> None:
    """Delete the records of each partition that lie before these offsets, as retention does."""
    async with _admin(settings) as admin:
        await admin.delete_records(
            {TopicPartition(topic, number): RecordsToDelete(offset) for number, offset in before.items()}
        )


@asynccontextmanager
async def _admin(settings: Settings) -> AsyncIterator[Any]:
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()
