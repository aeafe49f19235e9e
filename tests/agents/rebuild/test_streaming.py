"""Rebuilds and reconciliations in the middle of a stream lose nothing and double nothing."""

import asyncio
import json

import pytest

from clickhouse import compare, feeds
from clickhouse.holds import Holds
from streams.settings import Settings
from tests.support.command import millrace
from tests.support.feed import pipeline, produce
from tests.support.store import Answers, exactly
from tests.support.waiting import eventually
from tests.support.wire import mixed

pytestmark = pytest.mark.slow

A_CHUNK = 10
DAMAGED = ("daily_users", "events_hourly", "trip_events", "organizer_daily_metrics")


async def stream(settings: Settings, ended: asyncio.Event) -> int:
    """Send a little all the time until it is told to end; how many."""
    sent = 0
    while not ended.is_set():
        sent += await produce(settings, mixed(A_CHUNK, first=1000 + sent))
        await asyncio.sleep(1.5)
    return sent


async def all_equal(ask: Answers) -> None:
    """Every table that views fill is what its raw rows say."""
    for target in (await feeds.targets(ask.client)).values():
        days = await feeds.days_of(ask.client, target.sources)
        assert await compare.differences(ask.client, target, days) == [], target.name


@pytest.mark.long
async def test_what_is_repaired_in_the_middle_of_a_stream_equals_the_raw_rows(ready: Settings, ask: Answers) -> None:
    """Tables are damaged while rows come in; rows come in before, during and after the hold."""
    before = await produce(ready, mixed(200))
    ended = asyncio.Event()
    # Few inserts, which are most of what this costs.
    async with pipeline(ready.model_copy(update={"batch_seconds": 1.5})):
        await exactly(ask, before)
        sending = asyncio.create_task(stream(ready, ended))
        for name in DAMAGED[:3] * 3:
            await ask.client.command(f"INSERT INTO {name} SELECT * FROM {name}", settings={"insert_deduplicate": 0})
        await ask.client.command(f"TRUNCATE TABLE {DAMAGED[3]}")
        chosen = [word for name in (*DAMAGED, "user_funnel") for word in ("--only", name)]

        repaired = await millrace(ready, "reconcile", "--repair", "--json", *chosen)
        rebuilt = await millrace(ready, "rebuild", "hourly_payments_mv", "page_views")

        ended.set()
        await exactly(ask, before + await sending)
        found = {each["table"]: each for each in json.loads(repaired.out)}
        assert {name for name, each in found.items() if each["differing"]} == set(DAMAGED)
        assert (repaired.code, rebuilt.code) == (0, 0), (repaired.err, rebuilt.err)
        assert await Holds(ask.client).active() == []
        await all_equal(ask)


@pytest.mark.long
async def test_the_command_says_what_differs(ready: Settings, ask: Answers) -> None:
    async with pipeline(ready, [0]):
        await produce(ready, [record for record in mixed(100) if record[1] == 0])

        async def there() -> bool:
            return await ask.count("events_raw") + await ask.count("events") == 50

        await eventually("the rows", there)
    await ask.client.command("TRUNCATE TABLE revenue_analytics")
    day = await ask.one("SELECT toString(max(toDate(occurred_at))) FROM events")

    plain, chosen, missing, wrong, dry = await asyncio.gather(
        millrace(ready, "reconcile", "--from", day),
        millrace(ready, "reconcile", "--only", "daily_trips", "--only", "user_events_mv"),
        millrace(ready, "rebuild", "daily_tripps"),
        millrace(ready, "rebuild", "daily_trips", "--from", day),
        millrace(ready, "rebuild", "revenue_analytics", "--dry-run"),
    )

    assert plain.code == 1
    assert "revenue_analytics" in plain.out
    assert "1 differ or are open" in plain.out
    assert (chosen.code, chosen.out.strip()) == (0, "2 tables, 2 days compared; all as the raw rows say")
    assert "no rollup and no family table; choose one of" in missing.err
    assert "--from and --to go together" in wrong.err
    assert f"differ from the raw rows now: {day}" in dry.out
    assert (missing.code, wrong.code, dry.code) == (1, 1, 0)
