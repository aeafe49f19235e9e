"""A broker that is away is not asked in a hurry."""

import time
from pathlib import Path

from aiokafka.client import AIOKafkaClient

import streams.refresh  # noqa: F401  # what is tested
from deploy.local import broker
from deploy.local.part import Part

SECONDS = 1.0


async def test_who_refuses_connections_is_asked_ten_times_a_second(tmp_path: Path) -> None:
    part = Part(broker.Broker(), broker.ping, tmp_path, lambda _: None)
    part.start()
    client = AIOKafkaClient(bootstrap_servers=part.url)
    await client.bootstrap()
    began, answered = time.monotonic(), 0
    while time.monotonic() < began + SECONDS:
        answered += await client.force_metadata_update()
    assert answered > 20
    part.stop()

    began, tries = time.monotonic(), 0
    while time.monotonic() < began + SECONDS:
        assert not await client.force_metadata_update()
        tries += 1
    await client.close()
    assert 1 < tries <= SECONDS / client._retry_backoff + 1
