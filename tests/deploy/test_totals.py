"""Duplicates and sampled-out events, read from the log of intents: valid records only, superseded ones once."""

from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from deploy.local.totals import LeftOut, dropped
from streams.cli import topics
from streams.intent import Intent
from streams.settings import Settings
from tests.faults.topics import create_anew

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
    more: dict[str, Any] = {"ranges": {"t": (200, 300)}, "verdict": {"t": {"suppressed": [210, 3], "lost": [250, 2]}}}
    await append(settings, "chain", seq=4, nonce="f", previous="e", **more)
    assert await dropped(settings) == {"duplicate": 6, "sampled_out": 14, "suppressed": 6, "lost": 4}


async def append(settings: Settings, chain: str, **record: Any) -> None:
    """Append a record to every shard's log."""
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers) as producer:
        for shard in (0, 1):
            value = Intent(chain=f"{chain}-{shard}", **record).encode()
            await producer.send_and_wait(settings.kafka_intents_topic, value, partition=shard)


@pytest.mark.long
@pytest.mark.kafka
async def test_a_log_is_read_on_also_where_it_was_created_anew(kafka_settings: Settings) -> None:
    await topics.create(kafka_settings)
    for record in CHAIN:
        await append(kafka_settings, "chain", **record)
    reader = LeftOut(kafka_settings)
    assert await reader.read() == {"duplicate": 6, "sampled_out": 14}
    more: dict[str, Any] = {"ranges": {"t": (200, 300)}, "verdict": {"t": {"duplicate": [210, 1, 250, 5]}}}
    await append(kafka_settings, "chain", seq=4, nonce="f", previous="e", **more)
    assert await reader.read() == {"duplicate": 18, "sampled_out": 14}

    # What a new chain judges again counts once.
    await create_anew(kafka_settings, [kafka_settings.kafka_intents_topic])
    reader.created_anew(sources_too=False)
    again: dict[str, Any] = {"ranges": {"t": (250, 260)}, "verdict": {"t": {"duplicate": [250, 2]}}}
    await append(kafka_settings, "anew", seq=5, nonce="g", previous="f", begins=True, **again)
    assert await reader.read() == {"duplicate": 12, "sampled_out": 14}

    # Where the sources are others too, nothing comes again.
    await create_anew(kafka_settings, [kafka_settings.kafka_intents_topic])
    reader.created_anew(sources_too=True)
    other: dict[str, Any] = {"ranges": {"t": (0, 10)}, "verdict": {"t": {"duplicate": [3, 1]}}}
    await append(kafka_settings, "other", seq=6, nonce="h", previous="g", begins=True, **other)
    assert await reader.read() == {"duplicate": 14, "sampled_out": 14}


async def test_on_the_embedded_broker(settings: Settings) -> None:
    await count_both(settings)


@pytest.mark.long
@pytest.mark.kafka
async def test_on_apache_kafka(kafka_settings: Settings) -> None:
    await count_both(kafka_settings)
