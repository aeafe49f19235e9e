"""The sender when the broker goes away, and when it is told to stop."""

import asyncio
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from agents.send import Sender
from deploy.local import broker
from deploy.local.part import Part
from streams.cli import topics
from streams.settings import Settings
from streams.world.record import Record, compose


def _records() -> Iterator[Record]:
    for number in count():
        data = {"session_id": f"s{number % 50}", "url": "/"}
        yield compose("/test", f"e{number}", "page.viewed", 1_780_000_000 + number, data)


@pytest.fixture
def part(tmp_path: Path) -> Iterator[Part]:
    """A broker that the test may stop."""
    part = Part(broker.Broker(), broker.ping, tmp_path, lambda _: None)
    part.start()
    yield part
    part.stop()


async def test_a_broker_that_goes_away_leaves_records_unacknowledged(part: Part) -> None:
    await topics.create(Settings(kafka_bootstrap_servers=part.url))
    sent: list[Record] = []
    stopped = asyncio.Event()

    def seen(record: Record) -> None:
        sent.append(record)

    def progress() -> None:
        if sender.acknowledged and not stopping:
            stopping.append(asyncio.get_running_loop().run_in_executor(None, part.stop))

    stopping: list[asyncio.Future[None]] = []
    async with Sender(part.url, ["ticketing.pages"], outage_seconds=1) as sender:
        ended = await sender.send(_records(), stopped, seen, lambda _, number: number / 2000, progress)
        await stopping[0]
        assert not ended
        assert sender.failure is not None
        assert 0 < sender.acknowledged < len(sent)


async def test_told_to_stop_it_waits_for_what_is_under_way(part: Part) -> None:
    await topics.create(Settings(kafka_bootstrap_servers=part.url))
    stopped, sent = asyncio.Event(), 0

    def seen(_: Record) -> None:
        nonlocal sent
        sent += 1
        if sent == 30_000:
            stopped.set()

    async with Sender(part.url, ["ticketing.pages"]) as sender:
        assert not await sender.send(_records(), stopped, seen)
        assert sender.acknowledged == sent == 30_000
        assert sender.failure is None


async def test_it_says_whether_the_broker_sorts_out_repeats(part: Part) -> None:
    await topics.create(Settings(kafka_bootstrap_servers=part.url))
    async with Sender(part.url, ["ticketing.pages"]) as sender:
        assert not sender.idempotent
