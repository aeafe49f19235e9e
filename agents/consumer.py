"""Ends a consumer of aiokafka without taking harm from how it ends."""

import asyncio

from aiokafka import AIOKafkaConsumer


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
