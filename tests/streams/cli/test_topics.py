"""`millrace topics`: creates what is missing, twice without harm, on both brokers."""

import asyncio
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from typer.testing import CliRunner

from agents.preflight import check_log
from streams.cli import topics
from streams.errors import ConfigurationError, SinkUnavailable
from streams.settings import Settings
from streams.topics import source_topics


async def partitions(settings: Settings) -> dict[str, int]:
    """Partitions of every topic of the broker."""
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    await admin.start()
    try:
        described = await admin.describe_topics(await admin.list_topics())
    finally:
        await admin.close()
    return {topic["topic"]: len(topic["partitions"]) for topic in described}


async def test_created_once_with_the_partitions_of_the_settings(settings: Settings) -> None:
    three = settings.model_copy(update={"kafka_partitions": 3})
    assert set(await topics.create(three)) == {*source_topics(), "intents", "dead-letters", "alerts"}
    assert await topics.create(three) == []
    assert set((await partitions(three)).values()) == {3}


@pytest.mark.kafka
async def test_configuration_on_apache_kafka(kafka_settings: Settings) -> None:
    created = await topics.create(kafka_settings)
    assert len(created) == 13
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=kafka_settings.kafka_bootstrap_servers)
    await admin.start()
    try:
        asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in ("rides.trip", "intents")]
        answers = await admin.describe_configs(asked)
    finally:
        await admin.close()
    found = {r[3]: {e[0]: e[1] for e in r[4]} for answer in answers for r in answer.resources}
    assert found["rides.trip"]["message.timestamp.type"] == "LogAppendTime"
    assert (found["intents"]["cleanup.policy"], found["intents"]["retention.ms"]) == ("delete", "-1")


@pytest.mark.parametrize("replicas", [2, 3])
def test_replicas_bring_the_rules_that_keep_the_log(settings: Settings, replicas: int) -> None:
    config = topics.wanted(settings.model_copy(update={"kafka_replication_factor": replicas}))["intents"]
    check_log("intents", [], {"intents": config}, replicas)
    assert (config["min.insync.replicas"], config["unclean.leader.election.enable"]) == ("2", "false")
    assert "min.insync.replicas" not in topics.wanted(settings)["intents"]


def test_commands(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", str(settings.kafka_bootstrap_servers))
    first = CliRunner().invoke(topics.app, ["create"])
    assert first.exit_code == 0
    assert "created intents with 2 partitions" in first.output
    assert CliRunner().invoke(topics.app, ["create"]).output == "all topics exist\n"
    monkeypatch.setenv("KAFKA_PARTITIONS", "3")
    other = CliRunner().invoke(topics.app, ["create"])
    assert isinstance(other.exception, ConfigurationError)
    assert "KAFKA_PARTITIONS=3, but" in str(other.exception)
    assert "rides.trip\tmessage.timestamp.type=LogAppendTime" in CliRunner().invoke(topics.app, ["list"]).output


def test_broker_that_is_away_is_named() -> None:
    away = Settings().model_copy(update={"kafka_bootstrap_servers": "127.0.0.1:1"})
    with pytest.raises(SinkUnavailable, match=r"KAFKA_BOOTSTRAP_SERVERS=127\.0\.0\.1:1"):
        asyncio.run(topics.create(away))
