"""Starts and ends a consumer of aiokafka without taking harm from how it does so."""

import asyncio

from aiokafka import AIOKafkaConsumer

import streams.records  # what a producer writes must not stop these readers either
import streams.refresh  # noqa: F401  # a broker that is away costs no core


async def stop(consumer: AIOKafkaConsumer) -> None:
    """Stop the consumer and close its connections.

    While a broker is away, `AIOKafkaConsumer.stop` raises the cancellation of one of its own fetches, which sleeps
    before its next try. Raised into a shard's task it would end the shard without a word.
    """
    stopping = asyncio.ensure_future(consumer.stop())
    await asyncio.wait([stopping])
    if stopping.cancelled():
        # It gave up half way; a second `stop` would do nothing.
        await consumer._client.close()
    else:
        stopping.result()


async def start(consumer: AIOKafkaConsumer) -> None:
    """Start a consumer, or leave nothing of it open: cut off in the middle, aiokafka forgets a connection.

    So a start that is cancelled is let end first. Raises KafkaError; the consumer is stopped then.
    """
    starting = asyncio.ensure_future(consumer.start())
    try:
        await asyncio.shield(starting)
    except BaseException:
        await asyncio.wait([starting])
        await stop(consumer)
        raise
