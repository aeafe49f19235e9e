"""Readings in, alerts out: on a real broker and a real receiver, whatever of the two is away."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from agents.alert_topic import AlertTopic
from agents.alerts import Alerts
from agents.build import open_producer
from agents.webhook import Webhook
from deploy.local import broker
from deploy.local.part import Part
from streams import metrics
from streams.alerts import Alert, Rule, Status
from streams.backoff import Backoff
from streams.cli import topics
from streams.errors import ConfigurationError
from streams.settings import Settings
from tests.support.alerts import RULE, moment, reading
from tests.support.receiver import SECRET, Receiver, receiver

FIRING, RECOVERED = "firing", "recovered"


@pytest.fixture
async def there() -> AsyncIterator[Receiver]:
    """A receiver on loopback."""
    async with receiver() as made:
        yield made


@pytest.fixture
async def webhook(there: Receiver) -> AsyncIterator[Webhook]:
    """A webhook that posts to it and gives up soon."""
    made = Webhook(there.url, SECRET, allow_internal=True, total_seconds=0.3, backoff=Backoff(0.01, 0.05))
    yield made
    await made.close()


@pytest.fixture
async def producer(settings: Settings) -> AsyncIterator[AIOKafkaProducer]:
    """A producer at a broker that has the topics."""
    await topics.create(settings)
    made = await open_producer(settings)
    yield made
    await made.stop()


async def on_topic(settings: Settings, count: int) -> list[dict[str, Any]]:
    """The first alerts of the topic, of each id in order."""
    consumer = AIOKafkaConsumer(
        "alerts", bootstrap_servers=settings.kafka_bootstrap_servers, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        async with asyncio.timeout(20):
            return [json.loads((await consumer.getone()).value) for _ in range(count)]
    finally:
        await consumer.stop()


def statuses(documents: list[dict[str, Any]]) -> list[str]:
    """Of payloads."""
    return [document["status"] for document in documents]


def sample(name: str, **labels: str) -> float:
    """The value of a metric."""
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


async def test_both_hear_of_it_and_of_its_end(
    settings: Settings, producer: AIOKafkaProducer, there: Receiver, webhook: Webhook
) -> None:
    alerts = Alerts([RULE], AlertTopic("alerts", producer).send, webhook.send)
    before = sample("millrace_alert_transitions_total", rule="much", status=FIRING)
    assert [a.status for a in await alerts.look([reading(0, 11)], moment(0))] == [Status.FIRING]
    assert sample("millrace_alerts_firing", rule="much") == 1
    assert await alerts.look([reading(0, 11), reading(10, 12)], moment(10)) == []
    assert [a.status for a in await alerts.look([reading(20, 1)], moment(20))] == [Status.RECOVERED]
    assert sample("millrace_alerts_firing", rule="much") == 0
    assert sample("millrace_alert_transitions_total", rule="much", status=FIRING) == before + 1
    found = await on_topic(settings, 2)
    assert found == there.alerts
    assert statuses(found) == [FIRING, RECOVERED]
    assert found[0]["id"] == found[1]["id"]
    assert found[0]["summary"] == "11 is more than 10 — too much"
    assert alerts.unsent == {"topic": [], "webhook": []}


async def test_a_receiver_that_is_away_hears_all_of_it_later_and_in_order(
    settings: Settings, producer: AIOKafkaProducer, there: Receiver, webhook: Webhook
) -> None:
    alerts = Alerts([RULE], AlertTopic("alerts", producer).send, webhook.send)
    there.answers = [503] * 1000
    for at, value in ((0, 11), (10, 1), (20, 12)):
        await alerts.look([reading(at, value)], moment(at))
    assert there.alerts == []
    assert sample("millrace_alerts_unsent", to="webhook") == 3
    assert sorted(statuses(await on_topic(settings, 3))) == [FIRING, FIRING, RECOVERED]
    there.answers = []
    assert await alerts.look([], moment(30)) == []
    assert statuses(there.alerts) == [FIRING, RECOVERED, FIRING]
    assert sample("millrace_alerts_unsent", to="webhook") == 0
    await alerts.look([], moment(40))
    assert len(there.alerts) == 3


async def test_one_alert_that_is_refused_holds_up_its_own_recovery_only(there: Receiver, webhook: Webhook) -> None:
    async def taken(_: Alert) -> None:
        return

    other = Rule(name="other", window="w", measure="m", above=20, summary="-")
    alerts = Alerts([RULE, other], taken, webhook.send)
    there.answers = [400, 204]
    await alerts.look([reading(0, 21)], moment(0))
    assert [alert["rule"] for alert in there.alerts] == ["other"]
    there.answers = [400]
    await alerts.look([reading(10, 1)], moment(10))
    assert [(a["rule"], a["status"]) for a in there.alerts[1:]] == [("other", RECOVERED)]
    await alerts.look([], moment(20))
    assert [(a["rule"], a["status"]) for a in there.alerts[2:]] == [("much", FIRING), ("much", RECOVERED)]


async def test_a_broker_that_is_away_keeps_nobody_else_waiting(
    tmp_path: Path, there: Receiver, webhook: Webhook
) -> None:
    part = Part(broker.Broker(), broker.ping, tmp_path, lambda _: None)
    part.start()
    await topics.create(Settings(kafka_bootstrap_servers=part.url))
    producer = AIOKafkaProducer(bootstrap_servers=part.url, acks="all", request_timeout_ms=1000)
    await producer.start()
    part.stop()
    try:
        alerts = Alerts([RULE], AlertTopic("alerts", producer, seconds=0.5).send, webhook.send)
        await alerts.look([reading(0, 11)], moment(0))
    finally:
        await producer.stop()
    assert statuses(there.alerts) == [FIRING]
    assert [alert.status for alert in alerts.unsent["topic"]] == [Status.FIRING]


async def test_cancelled_on_the_way_it_is_sent_again(there: Receiver, webhook: Webhook) -> None:
    async def never(_: Alert) -> None:
        await asyncio.Event().wait()

    alerts = Alerts([RULE], never, webhook.send)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(alerts.look([reading(0, 11)], moment(0)), 0.3)
    assert len(alerts.unsent["topic"]) == 1
    assert alerts.unsent["webhook"] == []


async def test_a_restart_goes_on_where_the_last_process_stopped(there: Receiver, webhook: Webhook) -> None:
    sent: list[Alert] = []

    async def topic(alert: Alert) -> None:
        sent.append(alert)

    rule = Rule(name="slow", window="w", measure="m", above=10, for_seconds=60, recover_for_seconds=60, summary="-")
    there.answers = [503] * 1000
    alerts = Alerts([rule], topic, webhook.send)
    for at, value in ((0, 11), (30, 11), (60, 11), (90, 1), (120, 1)):
        alerts = Alerts([rule], topic, webhook.send, json.loads(json.dumps(alerts.state())))
        await alerts.look([reading(at, value)], moment(at))
    assert [alert.status for alert in sent] == [Status.FIRING]
    assert sample("millrace_alerts_firing", rule="slow") == 1
    there.answers = []
    await alerts.look([reading(150, 1)], moment(150))
    assert [alert.status for alert in sent] == [Status.FIRING, Status.RECOVERED]
    # A receiver that answers too late hears an alert again: the same id and status.
    heard = {(alert["id"], alert["status"]): alert for alert in there.alerts}
    assert list(heard.values()) == [alert.document() for alert in sent]


@pytest.mark.parametrize(
    "spoil", [lambda s: s | {"format": 9}, lambda s: s | {"unsent": {"topic": [{}]}}, lambda s: s | {"unsent": [1]}]
)
async def test_a_saved_state_that_cannot_be_read_is_told(spoil: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    async def taken(_: Alert) -> None:
        return

    with pytest.raises(ConfigurationError, match="saved alerts"):
        Alerts([RULE], taken, None, spoil(Alerts([RULE], taken).state()))
    with pytest.raises(ConfigurationError, match="two alert rules are called much"):
        Alerts([RULE, RULE], taken)
