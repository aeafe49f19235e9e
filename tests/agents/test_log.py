"""The reader of the log of intents goes on where its caller stopped, however far it has fetched, and then rests."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.protocol.fetch import FetchRequest

from agents.build import groupless
from agents.log import IntentLog
from streams.settings import Settings


@pytest.fixture
async def log(ready: Settings) -> AsyncIterator[IntentLog]:
    """The log of shard 0, open and empty."""
    producer = AIOKafkaProducer(bootstrap_servers=ready.kafka_bootstrap_servers)
    await producer.start()
    opened = IntentLog(ready.kafka_intents_topic, 0, producer, groupless(ready))
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()
        await producer.stop()


async def test_a_caller_that_stops_early_loses_no_record(log: IntentLog) -> None:
    for number in range(5):
        await log.append(b"%d" % number)
    log.seek(1)
    async for offset, _ in log.read_to(5):
        if offset == 1:
            break
    assert [offset async for offset, _ in log.read_to(3)] == [2]
    assert await log.append(b"5") == 5
    assert [offset async for offset, _ in log.read_to(6)] == [3, 4, 5]
    assert [offset async for offset, _ in log.read_to(6)] == []


async def test_a_reader_that_has_read_all_asks_for_nothing(log: IntentLog) -> None:
    log.seek(0)
    for number in range(2):
        end = (await log.append(b"%d" % number) or 0) + 1
        assert [value async for _, value in log.read_to(end)] == [b"%d" % number]
        asked = fetches(log)
        await asyncio.sleep(0.5)
        assert asked == []


def fetches(log: IntentLog) -> list[Any]:
    """What the reader asks the broker for from now on; requests that are on their way are not among it."""
    client, asked = log._reader._client, list[Any]()
    send = client.send

    async def telling(node: int, request: Any, **given: Any) -> Any:
        if isinstance(request, FetchRequest):
            asked.append(request)
        return await send(node, request, **given)

    client.send = telling
    return asked
