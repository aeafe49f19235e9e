"""What whole workers run against: topics and tables, on the embedded broker or on Apache Kafka."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import clickhouse_part
from deploy.local.kafka import Kafka
from deploy.local.part import Part
from streams.cli import topics
from streams.settings import Settings
from tests.support.tables import migrated


def prepared(settings: Settings) -> Settings:
    """The settings, once their topics and tables exist."""
    migrated(settings)
    asyncio.run(topics.create(settings))
    return settings


@pytest.fixture
def rollups() -> bool:
    """A database as a user has it."""
    return True


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder in which no stack runs, so that a process takes nothing from there."""
    return tmp_path / "home"


@pytest.fixture
def embedded(settings: Settings, home: Path) -> Settings:
    """Topics and tables on the embedded broker."""
    return prepared(settings.model_copy(update={"millrace_home": home}))


@pytest.fixture
def on_kafka(settings: Settings, kafka: Kafka, home: Path) -> Settings:
    """Topics and tables on Apache Kafka, whose topics this test has for itself."""
    return on_node(settings, kafka, home)


@pytest.fixture
def on_own_kafka(settings: Settings, own_kafka: Kafka, home: Path) -> Settings:
    """The same on a node that the test may kill."""
    return on_node(settings, own_kafka, home)


def on_node(settings: Settings, node: Kafka, home: Path) -> Settings:
    """Topics and tables on a node of Apache Kafka."""
    own = {"kafka_bootstrap_servers": node.url, "kafka_forgets": False, "millrace_home": home}
    return prepared(settings.model_copy(update=own))


@pytest.fixture
def own_clickhouse(tmp_path: Path) -> Iterator[Part]:
    """A ClickHouse server that a test may kill or stop; killed, it is started again on its data and port."""
    lost: list[str] = []
    server = clickhouse_part.ClickHouse(tmp_path / "clickhouse", "a password")
    part = Part(server, clickhouse_part.ping, tmp_path, lost.append)
    part.start()
    yield part
    part.stop()
    assert not lost, lost
