"""Apache Kafka as fixtures."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from deploy.local.kafka import Kafka
from streams.settings import Settings
from tests.support.tools import need


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[Kafka]:
    """A running, empty node of Apache Kafka that a test may kill."""
    with _running(tmp_path) as node:
        yield node


@pytest.fixture(scope="session")
def _lasting_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    with _running(tmp_path_factory.mktemp("kafka")) as node:
        yield node


@pytest.fixture
def kafka(_lasting_kafka: Kafka) -> Iterator[Kafka]:
    """A node of Apache Kafka without topics; it outlives the test, for a start takes three seconds of a core."""
    yield _lasting_kafka
    asyncio.run(_delete_topics(_lasting_kafka.url))


async def _delete_topics(servers: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        topics = [name for name in await admin.list_topics() if not name.startswith("__")]
        await admin.delete_topics(topics, timeout_ms=10_000)
    finally:
        await admin.close()


@contextmanager
def _running(home: Path) -> Iterator[Kafka]:
    need("kafka")
    node = Kafka(home / "kafka", brief=True)
    node.start()
    yield node
    node.stop()


@pytest.fixture
def kafka_settings(settings: Settings, kafka: Kafka) -> Settings:
    """The settings of a test that runs on Apache Kafka instead of the embedded broker."""
    return settings.model_copy(update={"kafka_bootstrap_servers": kafka.url})
