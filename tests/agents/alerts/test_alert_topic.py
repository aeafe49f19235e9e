"""Alerts on a real broker, and a broker that is away."""

import json
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from agents.alert_topic import AlertTopic
from agents.build import open_producer
from deploy.local import broker
from deploy.local.part import Part
from streams.alerts import Alert, Status
from streams.cli import topics
from streams.errors import SinkUnavailable
from streams.settings import Settings
from tests.support.alerts import alert


async def test_an_alert_and_its_recovery_are_one_key_on_one_partition(settings: Settings) -> None:
    await topics.create(settings)
    producer = await open_producer(settings)
    consumer = AIOKafkaConsumer(
        "alerts", bootstrap_servers=settings.kafka_bootstrap_servers, auto_offset_reset="earliest"
    )
    try:
        sent = [alert(1), alert(1, Status.RECOVERED)]
        for each in sent:
            await AlertTopic(settings.kafka_alert_topic, producer).send(each)
        await consumer.start()
        found = [await consumer.getone() for _ in sent]
    finally:
        await consumer.stop()
        await producer.stop()
    assert {record.key for record in found} == {sent[0].id.encode()}
    assert len({record.partition for record in found}) == 1
    assert [Alert.read(json.loads(record.value)) for record in found] == sent


async def test_a_broker_that_goes_away_is_told_in_time(tmp_path: Path) -> None:
    part = Part(broker.Broker(), broker.ping, tmp_path, lambda _: None)
    part.start()
    settings = Settings(kafka_bootstrap_servers=part.url)
    try:
        await topics.create(settings)
        producer = AIOKafkaProducer(bootstrap_servers=part.url, acks="all", request_timeout_ms=1000)
        await producer.start()
    finally:
        part.stop()
    try:
        with pytest.raises(SinkUnavailable, match="topic alerts takes no alerts"):
            await AlertTopic("alerts", producer, seconds=0.5).send(alert())
    finally:
        await producer.stop()
