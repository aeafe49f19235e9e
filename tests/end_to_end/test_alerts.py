"""Alerts of a whole worker with rules of its own: from events to the topic and a signed webhook, to their end."""

import asyncio
import json
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer
from redis.asyncio import Redis

from agents.webhook import SIGNATURE
from streams.settings import Settings
from tests.support.feed import produce
from tests.support.receiver import SECRET, Receiver, receiver, signed
from tests.support.waiting import eventually
from tests.support.wire import event
from tests.support.workers import Crew

RULE = """
[[rule]]
name = "{name}"
window = "rides.payments.1m"
measure = {{ numerator = ["failed"], denominator = ["succeeded", "failed"], least = 20 }}
above = 0.25
recover_for_seconds = {seconds}
severity = "critical"
summary = "{{value:.0%}} of the payments fail"
"""
PASSES = RULE.format(name="payments-failing", seconds=0)
LASTS = RULE.format(name="payments-failing-for-long", seconds=36_000)
Heard = list[tuple[str, str, str | None]]


def heard(alerts: list[dict[str, Any]]) -> Heard:
    """Rule, status and reason of each message, once: a receiver may hear one again."""
    return sorted({(each["rule"], each["status"], each["reason"]) for each in alerts}, key=str)


async def payments(settings: Settings, first: int, failed: int, succeeded: int, ago: float) -> None:
    """Attempts to pay, over both shards."""
    kinds = ["payment.failed"] * failed + ["payment.success"] * succeeded
    records = [event(kind, first + number, ago=ago) for number, kind in enumerate(kinds)]
    await produce(settings, [(topic, number % 2, value) for number, (topic, value) in enumerate(records)])


async def on_topic(settings: Settings) -> list[dict[str, Any]]:
    """Everything that the alert topic holds."""
    consumer = AIOKafkaConsumer(
        settings.kafka_alert_topic,
        bootstrap_servers=settings.kafka_bootstrap_servers,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    found: list[dict[str, Any]] = []
    try:
        while any((await consumer.end_offsets(consumer.assignment())).values()):
            batch = await consumer.getmany(timeout_ms=500)
            if not batch:
                break
            found += [json.loads(record.value) for records in batch.values() for record in records]
    finally:
        await consumer.stop()
    return found


async def until_heard(there: Receiver, *wanted: tuple[str, str, str | None]) -> None:
    """Wait until the webhook has heard all of this and nothing else."""

    async def all_there() -> bool:
        return heard(there.alerts) == sorted(wanted, key=str)

    await eventually(f"{wanted}", all_there, 60)


async def test_an_alert_is_told_and_is_over_and_a_removed_rule_says_so(
    embedded: Settings, workers: Crew, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(PASSES + LASTS)
    async with receiver() as there:
        settings = Settings.model_validate(
            embedded.model_dump()
            | {
                "alert_rules_file": rules,
                "alert_evaluate_seconds": 0.3,
                "alert_webhook_url": there.url,
                "alert_webhook_secret": SECRET,
                "alert_webhook_allow_internal": True,
                "watermark_idle_seconds": 0.5,
                "watermark_disorder_seconds": 0.1,
                "live_publish_seconds": 0.1,
            }
        )
        worker = workers.start(settings)
        await asyncio.to_thread(worker.wait_ready, settings.kafka_partitions)
        await payments(settings, 0, failed=20, succeeded=20, ago=150)
        both = [(name, "firing", None) for name in ("payments-failing", "payments-failing-for-long")]
        await until_heard(there, *both)
        await payments(settings, 100, failed=0, succeeded=40, ago=65)
        over = ("payments-failing", "recovered", None)
        await until_heard(there, *both, over)

        assert await asyncio.to_thread(worker.stop) == 0
        redis = Redis.from_url(settings.redis_url or "")
        assert await redis.get(f"{settings.kafka_group}:live:alerts:lease") is None  # the next one need not wait for it
        rules.write_text(PASSES)
        workers.start(settings)
        removed = ("payments-failing-for-long", "recovered", "rule removed")
        await until_heard(there, *both, over, removed)
        assert all(signed(request.headers[SIGNATURE], body) for request, body in there.requests)
        told = await on_topic(settings)
        assert heard(told) == heard(there.alerts)
        ids = {each["id"] for each in told}
        assert len(ids) == 2
        assert {each["value"] for each in told if each["status"] == "firing"} == {0.5}

        async def forgotten() -> bool:
            return "for-long" not in str(await redis.get(f"{settings.kafka_group}:live:alerts:state"))

        await eventually("the removed rule is not saved any more", forgotten)
        await redis.aclose()
