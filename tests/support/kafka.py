"""Apache Kafka as fixtures."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.kafka import Kafka
from streams.settings import Settings
from tests.support.tools import need


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[Kafka]:
    """A running, empty node of Apache Kafka."""
    need("kafka")
    node = Kafka(tmp_path / "kafka", brief=True)
    node.start()
    yield node
    node.stop()


@pytest.fixture
def kafka_settings(settings: Settings, kafka: Kafka) -> Settings:
    """The settings of a test that runs on Apache Kafka instead of the embedded broker."""
    return settings.model_copy(update={"kafka_bootstrap_servers": kafka.url})
