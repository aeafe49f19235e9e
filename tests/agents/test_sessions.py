"""Sessions of a shard over real rows: found again as they were counted, and taken back where they are no more."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from hypothesis import given
from hypothesis import settings as sized

from agents.recount import PORTION, portions
from clickhouse.client import connect
from streams.settings import Settings
from streams.topics import source_topics
from tables.wire import encode_states
from tests.support.owner import Owner as AnyOwner
from tests.support.sessions import (
    BEGIN,
    DECLARED,
    ENDED,
    SLOT,
    VISITS,
    Batch,
    Found,
    batches,
    found,
    sessions_of,
    visit,
)
from tests.support.tables import migrated

TOPICS = frozenset(topic for topic in source_topics() if topic.startswith("ticketing"))
ALL = 1_000_000
"""A seq above all: everything counts as settled."""
LATEST = (
    "SELECT key, toUnixTimestamp(starts_at), toUnixTimestamp(ends_at), values['events'], states, last_revision "
    "FROM metrics_realtime_latest WHERE window = 'visits' AND shard = {shard} ORDER BY key, starts_at"
)


class Owner(AnyOwner):
    """Of the shard's visits."""

    def __init__(self, client: AsyncClient, settings: Settings, shard: int) -> None:
        super().__init__(client, settings, shard, DECLARED, TOPICS)

    async def deliver_all(self, seq: int, batch: Batch) -> None:
        """Write the rows of a batch."""
        await self.deliver(seq, batch.watermark, batch.events)

    def take_all(self, seq: int, batch: Batch) -> None:
        """Count a batch."""
        self.take(seq, batch.watermark, batch.events)

    @property
    def found(self) -> list[Found]:
        """The sessions in memory."""
        (sessions,) = self.windows.sessions
        return sorted(found(span) for spans in sessions.by_key.values() for span in spans)

    @property
    def sums(self) -> dict[int, str]:
        """What is told of ended sessions, by pane."""
        return {
            start: encode_states(ENDED, line.states) for _, start, pane in self.windows.panes for line in pane.values()
        }


def needed(sessions: list[Found], watermark: int) -> list[Found]:
    """Those that an event could still join."""
    return [each for each in sessions if each.last + VISITS.keep_ms > watermark]


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """One loop for all examples."""
    with asyncio.Runner() as made:
        yield made


@pytest.fixture
def client(settings: Settings, runner: asyncio.Runner) -> Iterator[AsyncClient]:
    """A client of a migrated database."""
    made = runner.run(connect(migrated(settings, rollups=False)))
    yield made
    runner.run(made.close())


SHARDS = iter(range(100, 60_000))


@pytest.mark.parametrize("examples", [5, pytest.param(50, marks=pytest.mark.faults)])
def test_what_is_rebuilt_is_what_was_counted(
    settings: Settings, client: AsyncClient, runner: asyncio.Runner, examples: int
) -> None:
    @sized(max_examples=examples, deadline=None)
    @given(batches())
    def holds(given_batches: list[Batch]) -> None:
        runner.run(_rebuild(client, settings, next(SHARDS), given_batches))

    holds()


async def _rebuild(client: AsyncClient, settings: Settings, shard: int, given_batches: list[Batch]) -> None:
    first, last = Owner(client, settings, shard), len(given_batches)
    at = given_batches[-1].watermark
    for seq, batch in enumerate(given_batches, 1):
        await first.deliver_all(seq, batch)
        if seq < last:
            first.take_all(seq, batch)
            first.move(batch.watermark)
    first.move(at)
    second = Owner(client, settings, shard)
    await second.recover(last, at)
    assert needed(second.found, at) == needed(first.found, at)
    assert needed(second.found, at) == needed(sessions_of(given_batches[:-1]), at)
    if given_batches[-1].watermark:
        first.windows.panes.expire(at)
        assert second.sums == first.sums
    for owner in (first, second):  # the last batch is delivered again, and counted by each
        owner.take_all(last, given_batches[-1])
    assert needed(second.found, at) == needed(first.found, at) == needed(sessions_of(given_batches), at)


@pytest.fixture
async def own(settings: Settings) -> AsyncIterator[AsyncClient]:
    """A client of a migrated database, in the test's own loop."""
    made = await connect(migrated(settings, rollups=False))
    yield made
    await made.close()


def views(*slots: int) -> list[Any]:
    """Page views of one visitor."""
    return [visit("page.viewed", slot % 5, 0, slot * SLOT * 1000) for slot in slots]


async def test_others_have_their_turn_while_lines_are_built() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    lines = [line async for portion in portions(iter(range(PORTION * 4))) for line in portion]
    task.cancel()
    assert lines == list(range(PORTION * 4))
    assert turns >= 4


async def test_a_session_of_days_is_found_whole(own: AsyncClient, settings: Settings) -> None:
    days = Batch(0, views(*range(0, 700, 2)))
    other = Batch(0, [visit("event.searched", slot % 5, 1, slot * SLOT * 1000) for slot in (0, 3, 7, 695)])
    first = Owner(own, settings, 1)
    for seq, batch in enumerate((days, other), 1):
        await first.deliver_all(seq, batch)
        first.take_all(seq, batch)
    at = (BEGIN + 699 * SLOT) * 1000
    second = Owner(own, settings, 1)
    await second.recover(3, at)
    # What was judged without a watermark may not be kept yet, so more than what is needed is found; that is whole too.
    assert all(each in first.found for each in second.found)
    found = needed(second.found, at)
    assert found == needed(first.found, at)
    starts = {each.key: each.start // 1000 - BEGIN for each in found}
    assert starts == {("it's", ""): 0, ("back\\slash", ""): 695 * SLOT}


async def test_what_a_crash_kept_from_being_taken_back_is_taken_back(own: AsyncClient, settings: Settings) -> None:
    async def latest() -> list[tuple[int, int, int]]:
        rows = (await own.query(LATEST.format(shard=2))).result_rows
        return [(start - BEGIN, end - BEGIN, int(events)) for _, start, end, events, _, _ in rows]

    at = (BEGIN + 12 * SLOT) * 1000
    first = Owner(own, settings, 2)
    two = Batch(0, views(2, 8))
    await first.deliver_all(1, two)
    first.take_all(1, two)
    first.move(at)
    await first.windows.keep(ALL)
    assert await latest() == [(2 * SLOT, 2 * SLOT, 1), (8 * SLOT, 8 * SLOT, 1)]
    joined = Batch((BEGIN + 4 * SLOT) * 1000, views(5, 1))
    await first.deliver_all(2, joined)
    first.take_all(2, joined)  # and here it is killed

    second = Owner(own, settings, 2)
    await second.recover(3, at)
    second.move(at)
    await second.windows.keep(ALL)
    assert await latest() == [(SLOT, 8 * SLOT, 4)]

    third = Owner(own, settings, 2)  # the batch was delivered, but its end is not in the log
    await third.recover(2, at)
    third.take_all(2, joined)
    third.move(at)
    await third.windows.keep(ALL)
    assert await latest() == [(SLOT, 8 * SLOT, 4)]
    kept = (await own.query("SELECT count() FROM metrics_realtime FINAL")).result_rows[0][0]

    first.move(at)  # a former owner wakes up, and writes what it knows
    await first.windows.keep(ALL)
    assert await latest() == [(SLOT, 8 * SLOT, 4)]
    assert (await own.query("SELECT count() FROM metrics_realtime FINAL")).result_rows[0][0] == kept
    assert (await own.query("SELECT count() FROM metrics_realtime WHERE retracted")).result_rows[0][0] >= 2


async def test_what_a_former_owner_writes_late_is_taken_back_before(own: AsyncClient, settings: Settings) -> None:
    at = (BEGIN + 12 * SLOT) * 1000
    first = Owner(own, settings, 5)
    two = Batch(0, views(2, 8))
    await first.deliver_all(1, two)
    first.take_all(1, two)
    first.move(at)  # it has ended both, and falls asleep before it writes them
    second = Owner(own, settings, 5)
    await second.recover(2, (BEGIN + 4 * SLOT) * 1000)
    second.take_all(2, Batch((BEGIN + 4 * SLOT) * 1000, views(5, 1)))
    second.move(at)
    await second.windows.keep(ALL)
    await first.windows.keep(ALL)
    assert [row[1] - BEGIN for row in (await own.query(LATEST.format(shard=5))).result_rows] == [SLOT]


async def test_a_batch_on_its_way_still_finds_its_session(own: AsyncClient, settings: Settings) -> None:
    owner = Owner(own, settings, 6)
    owner.take_all(1, Batch(0, views(0)))
    for _ in range(2):  # the next record took its watermark before all this
        owner.move((BEGIN + 100 * SLOT) * 1000, settled=False)
        await owner.windows.keep(ALL)
    owner.take_all(2, Batch(0, views(2)))
    assert [(each.start // 1000 - BEGIN, each.last // 1000 - BEGIN) for each in owner.found] == [(0, 2 * SLOT)]
    for _ in range(2):
        owner.move((BEGIN + 100 * SLOT) * 1000)
        await owner.windows.keep(ALL)
    assert owner.found == []


async def test_what_waits_for_its_rows_is_written_after_them(own: AsyncClient, settings: Settings) -> None:
    owner = Owner(own, settings, 7)
    owner.take_all(1, Batch(0, views(2)))
    owner.take_all(2, Batch(0, views(8)))
    owner.move((BEGIN + 12 * SLOT) * 1000)
    for settled, kept in ((0, []), (1, [2 * SLOT]), (2, [2 * SLOT, 8 * SLOT])):
        await owner.windows.keep(settled)
        assert [row[1] - BEGIN for row in (await own.query(LATEST.format(shard=7))).result_rows] == kept


async def test_rows_of_events_that_are_gone_are_taken_back(own: AsyncClient, settings: Settings) -> None:
    at = (BEGIN + 12 * SLOT) * 1000
    first = Owner(own, settings, 3)
    first.take_all(1, Batch(0, views(5)))  # never delivered: as if it had been erased since
    first.move(at)
    await first.windows.keep(ALL)
    assert len((await own.query(LATEST.format(shard=3))).result_rows) == 1
    second = Owner(own, settings, 3)
    await second.recover(2, at)
    await second.windows.keep(ALL)
    assert (await own.query(LATEST.format(shard=3))).result_rows == []


async def test_the_next_owner_writes_nothing_again(own: AsyncClient, settings: Settings) -> None:
    at = (BEGIN + 12 * SLOT) * 1000
    first = Owner(own, settings, 4)
    batch = Batch(0, views(1, 5))
    await first.deliver_all(1, batch)
    first.take_all(1, batch)
    first.move(at)
    await first.windows.keep(ALL)
    second = Owner(own, settings, 4)
    await second.recover(2, at)
    await second.windows.keep(ALL)
    ((count,),) = (await own.query("SELECT count() FROM metrics_realtime WHERE shard = 4")).result_rows
    assert count == 2
    ((_, start, end, _, states, revision), _) = (await own.query(LATEST.format(shard=4))).result_rows
    assert (start - BEGIN, end - BEGIN, revision) == (SLOT, SLOT, 1)
    assert states == first.found[0].states
