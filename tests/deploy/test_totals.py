"""Duplicates and sampled-out events, read from the log of intents: valid records only, superseded ones once."""

from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from deploy.local.totals import dropped
from streams.cli import topics
from streams.intent import Intent
from streams.settings import Settings

CHAIN: list[dict[str, Any]] = [
    {"seq": 0, "nonce": "a", "previous": "", "begins": True, "ranges": {"t": (0, 0)}},
    {"seq": 1, "nonce": "b", "previous": "a", "ranges": {"t": (0, 100)}, "verdict": {"t": {"duplicate": [3, 2, 9, 1]}}},
    # Void: another owner's record for the same place came first.
    {"seq": 1, "nonce": "c", "previous": "a", "ranges": {"t": (0, 50)}, "verdict": {"t": {"duplicate": [0, 50]}}},
    {"seq": 2, "nonce": "d", "previous": "b", "ranges": {"t": (100, 200)}, "verdict": {"t": {"sampled_out": [100, 7]}}},
    # Superseding: says the verdict of the same range again.
    {
        "seq": 3,
        "nonce": "e",
        "previous": "d",
        "ranges": {"t": (100, 200)},
        "verdict": {"t": {"sampled_out": [100, 7], "refused": [150, 1]}},
        "missing": {"events": {"t": [120, 1]}},
    },
]


async def count_both(settings: Settings) -> None:
    """An empty log counts nothing; the chain above counts what its valid records say, on every shard."""
    await topics.create(settings)
    assert await dropped(settings) == {"duplicate": 0, "sampled_out": 0}
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers) as producer:
        for shard in (0, 1):
            for record in CHAIN:
                value = Intent(chain=f"chain-{shard}", **record).encode()
                await producer.send_and_wait(settings.kafka_intents_topic, value, partition=shard)
    assert await dropped(settings) == {"duplicate": 6, "sampled_out": 14}


async def test_on_the_embedded_broker(settings: Settings) -> None:
    await count_both(settings)


@pytest.mark.kafka
async def test_on_apache_kafka(kafka_settings: Settings) -> None:
    await count_both(kafka_settings)
