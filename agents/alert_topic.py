"""The alert topic: one record a transition, keyed by the alert's id, so that its recovery follows it."""

import asyncio

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from streams.alerts import Alert
from streams.errors import SinkUnavailable

ANSWER_SECONDS = 15.0
"""Longest wait for the broker; aiokafka alone waits for a topic without an end."""


class AlertTopic:
    """Sends alerts and waits until all replicas have them. One may repeat; its id and status tell."""

    def __init__(self, topic: str, producer: AIOKafkaProducer, seconds: float = ANSWER_SECONDS) -> None:
        """`producer`: with acks=all, as `agents.build.open_producer` makes it."""
        self._topic = topic
        self._producer = producer
        self._seconds = seconds

    async def send(self, alert: Alert) -> None:
        """Send one. Raises SinkUnavailable if it is not acknowledged in time; the broker may have it all the same."""
        key = alert.id.encode()
        try:
            async with asyncio.timeout(self._seconds):
                await self._producer.send_and_wait(self._topic, alert.body(), key=key)
        except (KafkaError, TimeoutError) as error:
            raise SinkUnavailable(f"topic {self._topic} takes no alerts: {error!r}") from error
