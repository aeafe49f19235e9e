"""What the next owner counts again: what stays open, what was not kept, and of no window a part."""

import random
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any

import msgspec
import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.client import connect
from clickhouse.realtime import RealtimeTable, WindowRow
from streams import codec, metrics
from streams.events import registry
from streams.events.domains import RIDES
from streams.events.sample import sample
from streams.settings import Settings
from streams.topics import source_topics
from tables.aggregates import Count
from tables.window import Declared, Measures
from tests.support.owner import Owner
from tests.support.sessions import BEGIN, SLOT, VISITS, visit
from tests.support.sessions import DECLARED as SESSIONS
from tests.support.tables import migrated

ALL = 1_000_000
"""A seq above all: everything counts as settled."""
HOUR = 3600
NOW = int(time.time()) // HOUR * HOUR - 2 * HOUR
"""A moment that every window ends at, in seconds; nothing here is ahead of the clock."""
LONG_AGO = NOW - 30 * HOUR
LATEST = """
SELECT window, toUnixTimestamp(starts_at) AS start, toUInt64(values['completed']) FROM metrics_realtime_latest
WHERE shard = {shard} ORDER BY ALL
"""
_NUMBERS = count()
_SPEC = registry.events["trip.completed"]
_TRIP: Any = codec.decode_values([msgspec.json.encode(sample(_SPEC, random.Random(1)))], _SPEC.topic)[0]


def declared(*sizes: int) -> Declared:
    """Tumbling windows of these sizes, in seconds, over completed trips."""
    made = Declared()
    over = Measures("trips", RIDES, ("trip.completed",), (Count("completed"),), lateness=600, retention=600)
    for size in sizes:
        made.tumbling(f"{size}", over, size=size)
    return made


def trips(*seconds: int) -> list[Any]:
    """One completed at each of these moments."""
    return [
        msgspec.structs.replace(_TRIP, id=f"trip-{next(_NUMBERS)}", time=datetime.fromtimestamp(second, UTC))
        for second in seconds
    ]


@pytest.fixture
async def own(settings: Settings) -> AsyncIterator[AsyncClient]:
    """A client of a migrated database."""
    made = await connect(migrated(settings, rollups=False))
    yield made
    await made.close()


def owner(own: AsyncClient, settings: Settings, shard: int, *sizes: int) -> Owner:
    """Of a shard's trips."""
    return Owner(own, settings, shard, declared(*sizes or (60,)), source_topics())


async def latest(own: AsyncClient, shard: int) -> list[tuple[str, int, int]]:
    """Window, start and number of what is kept."""
    return [tuple(row) for row in (await own.query(LATEST.format(shard=shard))).result_rows]


async def counted(who: Owner, seq: int, watermark: int, events: list[Any]) -> None:
    """Deliver a batch, and count it."""
    await who.deliver(seq, watermark * 1000, events)
    who.take(seq, watermark * 1000, events)


async def test_the_next_owner_keeps_what_its_record_says_was_not(own: AsyncClient, settings: Settings) -> None:
    """A backlog that ends lets days of windows close at once, and the worker is killed before they are written."""
    first = owner(own, settings, 1)
    await counted(first, 1, LONG_AGO - 60, trips(LONG_AGO, NOW - 120))
    first.move(NOW * 1000)
    told = first.windows.kept
    assert told == LONG_AGO * 1000
    second = owner(own, settings, 1)
    await second.recover(2, NOW * 1000, told)
    second.move(NOW * 1000)
    assert second.windows.kept == told  # until it is written, whoever comes next must know
    await second.windows.keep(ALL)
    assert await latest(own, 1) == [("60", LONG_AGO, 1), ("60", NOW - 120, 1)]
    assert second.windows.kept == NOW * 1000


async def test_what_was_kept_long_ago_is_not_read_again(own: AsyncClient, settings: Settings) -> None:
    first = owner(own, settings, 2)
    await counted(first, 1, LONG_AGO - 60, trips(LONG_AGO, NOW - 120))
    first.move(NOW * 1000)
    await first.windows.keep(ALL)
    assert first.windows.kept == NOW * 1000
    for told in (first.windows.kept, None):
        second = owner(own, settings, 2)
        await second.recover(2, NOW * 1000, told)
        assert [start for _, start, _ in second.windows.panes] == [NOW - 120]


async def test_what_a_batch_has_just_changed_counts_as_not_kept(own: AsyncClient, settings: Settings) -> None:
    """The watermark may have passed it by days while the batch was on its way."""
    first = owner(own, settings, 3)
    first.move(NOW * 1000, settled=False)
    first.take(1, (LONG_AGO - 60) * 1000, trips(LONG_AGO))
    assert first.windows.kept == LONG_AGO * 1000


async def test_without_a_watermark_nothing_is_begun_anew(own: AsyncClient, settings: Settings) -> None:
    """Nothing is late then, so whoever takes over must know all that there is."""
    first = owner(own, settings, 4)
    await counted(first, 1, 0, trips(LONG_AGO, LONG_AGO, NOW - 120))
    first.move(NOW * 1000)
    await first.windows.keep(ALL)
    second = owner(own, settings, 4)
    await second.recover(2, 0, 0)
    second.take(2, 0, trips(LONG_AGO))
    second.move(NOW * 1000)
    await second.windows.keep(ALL)
    assert await latest(own, 4) == [("60", LONG_AGO, 3), ("60", NOW - 120, 1)]


async def test_windows_whose_sizes_do_not_divide_each_other_are_counted_whole(
    own: AsyncClient, settings: Settings
) -> None:
    sizes = (420, 600)
    first = owner(own, settings, 5, *sizes)
    await counted(first, 1, NOW - 6 * HOUR, trips(*range(NOW - 6 * HOUR, NOW, 60)))
    first.move(NOW * 1000)
    await first.windows.keep(ALL)
    before = await latest(own, 5)
    assert len(before) > 80
    for later in range(0, 2400, 420):  # wherever the part that is read again begins
        second = owner(own, settings, 5, *sizes)
        await second.recover(2, (NOW + later) * 1000, (NOW + later) * 1000)
        second.move((NOW + later) * 1000)
        await second.windows.keep(ALL)
    assert [row for row in await latest(own, 5) if row[1] < NOW - 600] == [row for row in before if row[1] < NOW - 600]


async def test_a_batch_on_its_way_still_finds_its_pane(own: AsyncClient, settings: Settings) -> None:
    """Its record took a watermark that the others have left far behind since."""
    first = owner(own, settings, 6)
    await counted(first, 1, LONG_AGO - 60, trips(LONG_AGO))
    for _ in range(2):
        first.move(NOW * 1000, settled=False)
        await first.windows.keep(ALL)
    assert await latest(own, 6) == [("60", LONG_AGO, 1)]
    await counted(first, 2, LONG_AGO - 60, trips(LONG_AGO))
    for _ in range(2):
        first.move(NOW * 1000)
        await first.windows.keep(ALL)
    assert await latest(own, 6) == [("60", LONG_AGO, 2)]
    first.move(NOW * 1000)
    assert len(first.windows.panes) == 0


async def test_a_watermark_ahead_of_the_clock_is_not_taken_over(own: AsyncClient, settings: Settings) -> None:
    """ClickHouse's clock was a day ahead for a while: until tomorrow everything would be late."""
    now = int(time.time())
    this_minute, ahead = now // 60 * 60, now + 24 * HOUR
    first = owner(own, settings, 7)
    await counted(first, 1, this_minute - 60, trips(this_minute, this_minute))
    first.move(ahead * 1000)
    await first.windows.keep(ALL)
    assert await latest(own, 7) == [("60", this_minute, 2)]
    second = owner(own, settings, 7)
    await second.recover(2, ahead * 1000, first.windows.kept)
    mark = second.windows.watermark.value
    assert now * 1000 <= mark <= time.time() * 1000
    second.take(2, mark // 1000, trips(this_minute))
    second.move((this_minute + 60) * 1000)
    await second.windows.keep(ALL)
    assert await latest(own, 7) == [("60", this_minute, 3)]


def told(name: str, shard: int, **labels: str) -> float | None:
    """What a metric says of a shard."""
    return metrics.REGISTRY.get_sample_value(name, {"shard": str(shard), **labels})


async def test_metrics_tell_how_far_windows_are_kept_and_nothing_of_a_shard_that_has_left(
    own: AsyncClient, settings: Settings
) -> None:
    first = owner(own, settings, 10)
    await counted(first, 1, LONG_AGO - 60, trips(LONG_AGO))
    first.move(NOW * 1000)
    await first.windows.keep(0)  # the rows are not there yet
    names = ("millrace_watermark_seconds", "millrace_windows_lines", "millrace_windows_kept_to_seconds")
    assert [told(name, 10) for name in names] == [NOW, 1, LONG_AGO]
    await first.windows.keep(ALL)
    assert told(names[2], 10) == NOW
    assert told("millrace_sessions", 10, state="active") == 0
    first.windows.leave()
    assert [told(name, 10) for name in names] == [None] * 3
    assert told("millrace_sessions", 10, state="active") is None
    first.windows.leave()


async def test_of_one_revision_the_later_row_counts(own: AsyncClient, settings: Settings) -> None:
    """The next version counts otherwise, and writes what it has counted from rows that no event has changed since."""
    kept = RealtimeTable(own, settings)
    row = WindowRow(
        domain="rides",
        window="60",
        starts_at=NOW,
        ends_at=NOW + 60,
        key=[],
        shard=9,
        revision=4,
        values={"completed": Decimal(3)},
        states="",
        watermark=NOW + 60,
    )
    for number in (3, 2, 5):
        await kept.write([msgspec.structs.replace(row, values={"completed": Decimal(number)})])
    assert await latest(own, 9) == [("60", NOW, 5)]
    await kept.write([msgspec.structs.replace(row, revision=3, values={"completed": Decimal(9)})])
    assert await latest(own, 9) == [("60", NOW, 5)]


async def test_what_may_have_to_be_taken_back_counts_as_not_kept(own: AsyncClient, settings: Settings) -> None:
    """Rows of sessions that are no more are looked for at the first writing; until then whoever comes next must."""
    topics = [topic for topic in source_topics() if topic.startswith("ticketing")]
    at = (BEGIN + 12 * SLOT) * 1000
    first = Owner(own, settings, 8, SESSIONS, topics)
    first.take(1, 0, [visit("page.viewed", 0, 0, 2 * SLOT * 1000)])
    first.move(at)
    assert first.windows.kept == 0  # what was counted again is all that there is
    second = Owner(own, settings, 8, SESSIONS, topics)
    await second.recover(2, at, at)
    (sessions,) = second.windows.sessions
    assert second.windows.kept == sessions.whole_since < at - VISITS.keep_ms + 1
    await second.windows.keep(ALL)
    assert second.windows.kept == at
    second.take(2, 0, [visit("page.viewed", 1, 0, 4 * SLOT * 1000)])
    second.move(at)
    assert second.windows.kept == (BEGIN + 4 * SLOT) * 1000  # it has ended, and is not written
    await second.windows.keep(ALL)
    assert second.windows.kept == at
