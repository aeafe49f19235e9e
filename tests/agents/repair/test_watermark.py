"""A chain that begins after another goes on with its watermark: what was kept long ago is not begun anew."""

import pytest

from streams.cli.topics import create
from streams.settings import Settings
from tests.agents.repair.test_repair import cut, repair
from tests.support.feed import pipeline, produce
from tests.support.stack import fresh_broker
from tests.support.store import Answers
from tests.support.waiting import eventually
from tests.support.wire import event

pytestmark = pytest.mark.slow

AGO = 4 * 3600.0
"""Seconds; so old is nothing that recovery counts again."""
KEPT = "SELECT toInt64(sum(values['created'])) FROM metrics_realtime_latest WHERE window = 'rides.bookings.1m'"


@pytest.fixture
def windows() -> bool:
    """They are what this is about."""
    return True


def booking(number: int, ago: float) -> tuple[str, int, bytes]:
    """On shard 0, so many seconds ago."""
    topic, value = event("booking.created", number, ago=ago)
    return topic, 0, value


async def _goes_on(settings: Settings, ask: Answers) -> None:
    """Of two old events and a new one only the new one is counted beside the one that was."""
    async with pipeline(settings, [0]):
        await produce(settings, [booking(2, AGO), booking(3, AGO + 60), booking(4, 120.0)])

        async def kept() -> bool:
            return await ask.count("events_raw") == 4 and await ask.one(KEPT) > 1

        await eventually("what is new is kept", kept)
    assert await ask.one(KEPT) == 2
    assert await ask.one("SELECT countIf(toUnixTimestamp(watermark) = 0) FROM events_raw") == 1


@pytest.mark.parametrize("way", ["repaired", "forgotten"])
async def test_windows_that_were_kept_stay_as_they_are(ready: Settings, ask: Answers, way: str) -> None:
    quick = ready.model_copy(update={"watermark_idle_seconds": 0.5, "watermark_disorder_seconds": 1.0})
    async with pipeline(quick, [0]):
        await produce(quick, [booking(1, AGO)])

        async def kept() -> bool:
            return bool(await ask.one(KEPT) == 1)

        await eventually("it is kept", kept)
    if way == "repaired":
        anew = await cut(quick)
        [plan] = await repair(anew, shards=[0])
        assert plan.record is not None
        assert plan.record.watermark > 0
        await _goes_on(anew, ask)
        return
    with fresh_broker(quick.millrace_home) as servers:
        empty = quick.model_copy(update={"kafka_bootstrap_servers": servers, "kafka_forgets": True})
        await create(empty)
        await _goes_on(empty, ask)
