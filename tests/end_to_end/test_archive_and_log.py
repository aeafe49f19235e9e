"""ClickHouse lost whole, and no backup: the archive and what the topics still hold bring every event back, once."""

import asyncio
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from agents.repair.parts import members
from clickhouse.client import connect
from deploy.local.part import Part
from streams.cli.topics import create
from streams.errors import SinkUnavailable
from streams.settings import Settings
from tests.support.command import Done, millrace_with
from tests.support.feed import pipeline, produce
from tests.support.found import counts, doubled
from tests.support.lost import lose
from tests.support.store import Answers
from tests.support.tables import migrated
from tests.support.waiting import eventually
from tests.support.wire import mixed

pytestmark = [pytest.mark.slow, pytest.mark.faults]

OLD, BEFORE, AFTER, LATER = 80, 120, 60, 40
"""Events of days that are archived; those beside them; after the archive ran; and after all is back."""
BAD = 6
DAY = 86_400.0
DAYS = (740, 741)
"""How old they are that are archived."""
LONG_AGO = 2500
"""METRICS_COLD_DAYS, but for the archive: such old events are accepted, when they are read again too."""
SHORT = {"BATCH_AGE_SECONDS": "1", "BATCH_SETTLE_SECONDS": "0.5"}
"""What a repair waits for: here no stalled worker can come back."""
EVENTS = """
SELECT source, event_id, topic, shard, offset, toString(occurred_at) FROM events_raw
UNION ALL SELECT source, event_id, topic, shard, offset, toString(occurred_at) FROM events ORDER BY ALL
"""


async def call(settings: Settings, *words: str, cold: int = LONG_AGO) -> Done:
    """Run a command."""
    quick = {"agents.gate.BLIND_SECONDS": 0.5}
    done = await millrace_with(quick, settings, *words, METRICS_COLD_DAYS=str(cold), **SHORT)
    assert done.code == 0, (words, done.out, done.err)
    return done


async def answer(settings: Settings, *words: str, cold: int = LONG_AGO) -> Any:
    """What it prints with --json."""
    return (await call(settings, *words, "--json", cold=cold)).json


async def events(settings: Settings, count: int) -> set[Any]:
    """All raw rows, once there are so many; fails if there are more, or one twice."""
    client = await connect(settings)
    ask = Answers(client)

    async def there() -> bool:
        return await ask.count("events_raw") + await ask.count("events") >= count

    try:
        await eventually(f"{count} events", there, 60)
        rows = await ask.rows(EVENTS)
        assert len(rows) == len(set(rows)) == count
        return set(rows)
    finally:
        await client.close()


def old() -> list[tuple[str, int, bytes | None]]:
    """Events of two days that are archived."""
    half = OLD // len(DAYS)
    return [each for n, days in enumerate(DAYS) for each in mixed(half, first=n * half, ago=days * DAY)]


async def forget(settings: Settings, archived: Iterable[Any]) -> None:
    """Let the topics begin after the archived events, as their retention would."""
    ends: dict[TopicPartition, int] = {}
    for _, _, topic, shard, offset, _ in archived:
        tp = TopicPartition(topic, shard)
        ends[tp] = max(ends.get(tp, 0), offset + 1)
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    await admin.start()
    await admin.delete_records({tp: RecordsToDelete(before_offset=end) for tp, end in ends.items()})
    await admin.close()


async def archive(settings: Settings) -> None:
    """Archive the old days, which leave ClickHouse."""
    dropped = await answer(settings, "archive", "run", cold=730)
    assert sum(day["dropped_rows"] for day in dropped) == OLD


async def coordinated(settings: Settings) -> bool:
    """Whether the broker can tell who is in a group; one that never had a group has to make ready for it."""
    try:
        await members(settings)
    except SinkUnavailable:
        return False
    return True


async def rebuild(settings: Settings) -> int:
    """The commands of docs/backup.md, as far as they come before the workers; how many records are told as lost."""
    await call(settings, "migrate", "apply")
    for day in await answer(settings, "archive", "list"):
        back = await answer(settings, "archive", "restore", day["table"], "--day", day["day"])
        assert back["hash"] == back["archived_hash"]
    await eventually("a coordinator of groups", partial(coordinated, settings))
    begun = await answer(settings, "intents", "repair", "--skip-lost", "--while-running", "--yes")
    assert begun["done"]
    return sum(shard["lost"] for shard in begun["shards"])


async def lost_and_rebuilt(settings: Settings, server: Part, folder: Path, early: int) -> None:
    """The whole proof. The topics keep all if `early` events come before the archived ones; else they lose those."""
    own = settings.model_copy(
        update={
            "clickhouse_url": server.url,
            "archive_url": str(folder / "archive"),
            "kafka_forgets": False,
            "metrics_cold_days": LONG_AGO,
        }
    )
    migrated(own)
    await create(own)
    await produce(own, mixed(early, first=OLD))
    await produce(own, old())
    await produce(own, [("rides.trip", n % 2, b"bad %d" % n) for n in range(BAD)])
    await produce(own, mixed(BEFORE - early, first=OLD + early))
    async with pipeline(own):
        sent = await events(own, OLD + BEFORE)
        await archive(own)
        await produce(own, mixed(AFTER, first=OLD + BEFORE))
        left = await events(own, BEFORE + AFTER)
    if not early:
        await forget(own, sent - left)
    sent |= left

    await asyncio.to_thread(lose, server, folder / "clickhouse")
    assert (await rebuild(own) == 0) is bool(early)
    async with pipeline(own):
        assert await events(own, OLD + BEFORE + AFTER) == sent
        await produce(own, mixed(LATER, first=OLD + BEFORE + AFTER))
        await events(own, OLD + BEFORE + AFTER + LATER)
        await call(own, "reconcile", "--repair")
    assert await asyncio.to_thread(doubled, own) == {}
    assert (await asyncio.to_thread(counts, own))["dead_letters"] == {"malformed": BAD}
    await call(own, "reconcile")


async def test_archived_events_that_the_topics_still_hold_are_not_taken_twice(
    settings: Settings, own_clickhouse: Part, tmp_path: Path
) -> None:
    await lost_and_rebuilt(settings, own_clickhouse, tmp_path, early=BEFORE // 2)


@pytest.mark.kafka
async def test_archived_events_that_the_topics_lost_come_from_the_archive(
    kafka_settings: Settings, own_clickhouse: Part, tmp_path: Path
) -> None:
    await lost_and_rebuilt(kafka_settings, own_clickhouse, tmp_path, early=0)
