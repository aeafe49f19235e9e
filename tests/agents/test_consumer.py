"""A consumer ends quietly, also in the middle of an outage."""

import asyncio
from pathlib import Path

from aiokafka import TopicPartition

from agents.build import groupless
from agents.consumer import stop
from deploy.local import broker
from deploy.local.part import Part
from streams.cli.topics import create
from streams.settings import Settings
from tests.support.waiting import eventually


async def test_a_consumer_whose_broker_is_away_ends_without_a_cancellation(tmp_path: Path) -> None:
    """aiokafka alone raises CancelledError here, whenever a fetch waits for its next try, as most do."""
    part = Part(broker.Broker(), broker.ping, tmp_path, lambda _: None)
    await asyncio.to_thread(part.start)
    settings = Settings(kafka_bootstrap_servers=part.url)
    await create(settings)
    consumers = [groupless(settings)() for _ in range(8)]
    for consumer in consumers:
        await consumer.start()
        consumer.assign([TopicPartition("intents", 0)])
        consumer.seek(TopicPartition("intents", 0), 0)
        await consumer.getmany(timeout_ms=50)
    await asyncio.to_thread(part.stop)

    async def waits(consumer: object = consumers[0]) -> bool:
        return bool(consumer._fetcher._pending_tasks)  # type: ignore[attr-defined]

    await eventually("a fetch that is tried again", waits)
    for consumer in consumers:
        await asyncio.sleep(0.03)
        await stop(consumer)
        assert not consumer._client._conns
