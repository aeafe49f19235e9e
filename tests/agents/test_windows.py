"""The windows of running shards: what is rebuilt from rows is what was counted from events."""

import time
from typing import Any

import pytest

from agents.shard import Shard, State
from agents.window_pages import sessions, windows
from streams.settings import Settings
from tables.declared import declared
from tables.wire import encode_states
from tests.support.feed import Pipeline, pipeline, produce, state_of
from tests.support.store import Answers, exactly, short, shorten_age
from tests.support.waiting import eventually
from tests.support.wire import event, mixed

pytestmark = pytest.mark.slow

EVENTS = "SELECT (SELECT count() FROM events_raw) + (SELECT count() FROM events)"

Held = dict[tuple[str, int, Any], tuple[Any, ...]]


def state(shard: Shard) -> Held:
    """Every line and session of a shard, with its revision."""
    lines = {
        (slices.name, start, key): (encode_states(slices, line.states), line.revision)
        for slices, start, pane in shard.windows.panes
        if slices.session is None  # what has ended depends on the watermark of the moment
        for key, line in pane.items()
    }
    spans = {
        (each.session.name, span.last // 1000, span.key): (
            encode_states(each.session, span.states),
            span.revision,
            span.start,
        )
        for each in shard.windows.sessions
        for of_key in each.by_key.values()
        for span in of_key
    }
    return {**lines, **spans}


def needed(lines: Held, watermark: int) -> Held:
    """The part that is not yet dropped at a watermark."""
    kept = {name: slices.pane + slices.keep for name, slices in declared.slices.items()}
    kept |= {name: session.keep_ms // 1000 for name, session in declared.sessions.items()}
    return {place: line for place, line in lines.items() if (place[1] + kept[place[0]]) * 1000 > watermark}


async def recovered(worker: Pipeline) -> None:
    """Wait until all shards have their windows."""

    async def done() -> bool:
        return len(worker.shards) == 2 and all(shard.is_recovered for shard in worker.shards.values())

    await eventually("the shards are recovered", done)


@pytest.fixture(name="windows")
def with_windows() -> bool:
    """They are what this is about."""
    return True


def history(first: int, count: int = 600) -> list[tuple[str, int, bytes | None]]:
    """So many events of all types, and twice as many over the last three hours: pings, trips and sales."""
    records = mixed(count, first)
    for number in range(first, first + count * 2 // 3):
        topic, value = event("driver.location.updated", number, ago=number % 40 * 60)
        records.append((topic, number % 2, value))
        topic, value = event("trip.completed", 10_000 + number, ago=number % 180 * 60)
        records.append((topic, number % 2, value))
        topic, value = event("ticket.purchased", 10_000 + number, ago=number % 90 * 60)
        records.append((topic, number % 2, value))
    return records


async def load(settings: Settings, first: int, count: int = 600) -> int:
    """Produce such a history, and tell its length."""
    records = history(first, count)
    await produce(settings, records)
    return len(records)


@pytest.mark.parametrize("end", ["crash", "orderly"])
async def test_what_is_rebuilt_is_what_was_counted(ready: Settings, ask: Answers, end: str) -> None:
    whole = ready.model_copy(update={"location_sample_rate": 0.5, "watermark_idle_seconds": 1.0})
    sent = 0
    async with pipeline(whole) as worker:

        async def all_taken() -> bool:
            return sum(sum(ends.values()) for ends in worker.feed.committed.values()) == sent

        await recovered(worker)
        for first in (0, 1000):
            sent += await load(whole, first, 300)
            await eventually("everything is taken", all_taken)
        before = {number: state(shard) for number, shard in worker.shards.items()}
        marks = {number: shard.windows.watermark.value for number, shard in worker.shards.items()}
        count = await ask.one(EVENTS)
        assert count > 1000
        assert sum(shard.windows.panes.late.total() for shard in worker.shards.values()) > 100
        if end == "crash":
            worker.crash()
    async with pipeline(whole) as second:
        await recovered(second)
        await exactly(ask, count)
        for number, shard in second.shards.items():
            watermark = max(shard.windows.watermark.value, marks[number])
            assert watermark > 0
            assert len(needed(before[number], watermark)) > 100
            assert needed(state(shard), watermark) == needed(before[number], watermark)
            assert {name for name, *_ in needed(before[number], watermark)} >= declared.sessions.keys()


TRIPS = """
SELECT toUnixTimestamp(toStartOfInterval(occurred_at, INTERVAL 5 MINUTE)) AS start, pickup_city,
    toDecimal64(countIf(event_type = 'trip.completed'), 0), toDecimal64(countIf(event_type = 'trip.cancelled'), 0)
FROM events_raw WHERE event_type IN ('trip.completed', 'trip.cancelled') AND pickup_city != ''
    AND toStartOfInterval(occurred_at, INTERVAL 1 MINUTE) + INTERVAL 11 MINUTE > watermark
    AND start + 300 <= {now}
GROUP BY start, pickup_city ORDER BY start, pickup_city
"""
KEPT = """
SELECT toUnixTimestamp(starts_at) AS start, key[1] AS city, sum(values['completed']), sum(values['cancelled'])
FROM metrics_realtime_latest WHERE window = 'rides.trips.by_city.5m'
GROUP BY start, city HAVING sum(values['completed']) + sum(values['cancelled']) > 0 ORDER BY start, city
"""

VISITS = """
SELECT shard, visitor, intDiv(part[1], 1000) AS start, intDiv(part[-1], 1000) AS end, length(part)
FROM (
    SELECT shard, if(session_id != '', [session_id, ''], ['', ifNull(user_id, '')]) AS visitor,
        arraySort(groupArray(toUnixTimestamp64Milli(occurred_at))) AS times,
        arrayJoin(arraySplit((_, step) -> step > 1800000, times, arrayDifference(times))) AS part
    FROM events
    WHERE topic != 'ticketing.catalog' AND occurred_at + INTERVAL 40 MINUTE > watermark
    GROUP BY shard, visitor
)
WHERE end < {until} ORDER BY ALL
"""
KEPT_VISITS = """
SELECT shard, key, toUnixTimestamp(starts_at) AS start, toUnixTimestamp(ends_at) AS end, toUInt64(values['events'])
FROM metrics_realtime_latest WHERE window = 'ticketing.sessions' AND end < {until} ORDER BY ALL
"""

CORRECTED = """
SELECT count() FROM (
    SELECT 1 FROM metrics_realtime GROUP BY window, starts_at, key, shard HAVING uniqExact(revision) > 1
)
"""


async def test_closed_windows_are_kept_and_corrected(ready: Settings, ask: Answers) -> None:
    quick = ready.model_copy(update={"watermark_idle_seconds": 0.5, "watermark_disorder_seconds": 1.0})

    async def equal() -> bool:
        now = int(time.time()) // 300 * 300
        truth = await ask.rows(TRIPS.format(now=now))
        return len(truth) > 5 and [row for row in await ask.rows(KEPT) if row[0] < now] == truth

    async def equal_visits() -> bool:
        until = int(time.time()) - 1830
        truth = await ask.rows(VISITS.format(until=until))
        return len(truth) > 50 and await ask.rows(KEPT_VISITS.format(until=until)) == truth

    async with pipeline(quick) as worker:
        await recovered(worker)
        topic, value = event("page.viewed", 1, ago=1900, session_id="visit")
        await produce(quick, [(topic, 0, value)])
        await load(quick, 0, 300)
        await eventually("closed windows are those of the rows", equal)
        await eventually("ended visits are those of the rows", equal_visits)
        topic, value = event("page.viewed", 2, ago=2100, session_id="visit")  # which began earlier
        await produce(quick, [(topic, 0, value)])
        await load(quick, 1000, 300)  # most of it is within the lateness of windows that have closed
        await eventually("some windows are corrected", lambda: ask.one(CORRECTED))
        taken_back = "SELECT count() FROM metrics_realtime WHERE retracted"
        await eventually("the row of a visit that began earlier is taken back", lambda: ask.one(taken_back))
        await eventually("corrected windows are those of the rows", equal)
        await eventually("corrected visits are those of the rows", equal_visits)
        assert await ask.one("SELECT key[1] FROM metrics_realtime WHERE retracted") == "visit"

        async def all_kept() -> bool:
            """What a record on its way has changed is kept a little later."""
            windows = [shard.windows for shard in worker.shards.values()]
            return not any(each._keeper.closing.due(each.watermark.value) for each in windows)

        await eventually("nothing is left to keep", all_kept)
    # Windows and sessions go on ending as time passes; tests/agents/test_sessions.py is about the latter.
    ended = int(time.time()) - 60
    lasting = (
        "SELECT count() FROM metrics_realtime FINAL"
        f" WHERE window != 'ticketing.sessions' AND toUnixTimestamp(ends_at) < {ended}"
    )
    names = lasting.replace("count()", "count(DISTINCT window)")
    rows, at = await ask.one(lasting), await ask.one("SELECT toUnixTimestamp64Milli(now64(3))")
    async with pipeline(quick) as worker:  # the next owner writes again what it has counted from rows

        async def written_again() -> bool:
            """Those that are kept, that is: of each name some."""
            again = await ask.one(f"{names} AND toUnixTimestamp64Milli(written_at) > {at}")
            return bool(again == await ask.one(names) > 5)

        await recovered(worker)
        await eventually("windows of every name are written again", written_again)
        # Minutes end meanwhile: what has just closed is written a moment later.
        await eventually("closed windows are still those of the rows", equal)
        await eventually("ended visits are still those of the rows", equal_visits)
        assert await ask.one(lasting) == rows


@pytest.mark.long
async def test_windows_that_a_crash_came_before_are_kept_after_it(ready: Settings, ask: Answers) -> None:
    """The first batches have no watermark, so what they count lies hours before the windows that stay open."""
    quick = ready.model_copy(update={"watermark_idle_seconds": 0.5, "watermark_disorder_seconds": 1.0})
    # One topic holds the watermark back until all of the history is taken, however slowly it comes.
    held = quick.model_copy(update={"watermark_idle_seconds": 1e9})

    async def equal() -> bool:
        now = int(time.time()) // 300 * 300
        truth = await ask.rows(TRIPS.format(now=now))
        return len(truth) > 5 and [row for row in await ask.rows(KEPT) if row[0] < now] == truth

    async with pipeline(held) as worker:
        await recovered(worker)
        [keeping] = [task for task in worker.running.shards._tasks if task.get_name() == "closed windows"]
        keeping.cancel()
        past = [record for record in history(0) if record[0] != "ticketing.catalog"]
        await produce(held, past)

        async def all_taken() -> bool:
            return sum(sum(ends.values()) for ends in worker.feed.committed.values()) == len(past)

        await eventually("all of it is taken", all_taken)

        async def moved_on() -> bool:
            return all(shard.windows.watermark.value for shard in worker.shards.values())

        await produce(held, mixed(100, first=5000))
        await eventually("watermarks", moved_on)
        await produce(held, mixed(100, first=6000))
        await eventually(
            "batches with one",
            lambda: ask.one("SELECT uniqIf(shard, toUnixTimestamp(watermark) > 0) = 2 FROM events_raw"),
        )
        assert await ask.one(
            "SELECT count() > 50 FROM events_raw WHERE toUnixTimestamp(watermark) = 0 AND occurred_at < now() - 9000"
        )
        assert await ask.count("metrics_realtime") == 0
        worker.crash()
    async with pipeline(quick) as second:
        await recovered(second)
        await eventually("closed windows are those of the rows", equal)


@pytest.mark.long
async def test_a_row_that_clickhouse_refuses_is_taken_out_of_the_numbers(ready: Settings, ask: Answers) -> None:
    """They are told before the rows are there; what is kept in ClickHouse waits for the rows."""
    await shorten_age(ask, 3)
    await ask.client.command("ALTER TABLE events_raw ADD CONSTRAINT picky CHECK event_id != 'trip.completed-77000'")
    quick = short(ready).model_copy(update={"watermark_idle_seconds": 0.5, "watermark_disorder_seconds": 1.0})
    topic, value = event("trip.completed", 77_000, ago=900)
    old = int(time.time()) - 600
    async with pipeline(quick, [0]) as worker:
        await state_of(worker, State.RUNNING)
        shard = worker.shards[0]
        await produce(quick, [*mixed(100, partitions=1), (topic, 0, value)])

        async def counted() -> bool:
            return any(slices.name == "rides.trips" and start < old for slices, start, _ in shard.windows.panes)

        async def not_counted() -> bool:
            return shard.is_recovered and not await counted()

        await eventually("it is counted", counted)
        assert await ask.count("events_raw") == 0
        await exactly(ask, 100)
        await eventually("it is counted no more", not_counted)
        before = state(shard)
        assert await ask.count("metrics_realtime", f"window LIKE 'rides.%' AND starts_at < {old}") == 0
    async with pipeline(quick, [0]) as second:
        await state_of(second, State.RUNNING)
        watermark = second.shards[0].windows.watermark.value
        again = needed(state(second.shards[0]), watermark)
        # Revisions differ: what arrived at once has the first record's, which the second one superseded.
        numbers = {place: line[0] for place, line in needed(before, watermark).items()}
        assert {place: line[0] for place, line in again.items()} == numbers
        assert len(numbers) > 50


async def test_a_worker_lists_its_visits(ready: Settings, ask: Answers) -> None:
    async with pipeline(ready) as worker:
        await recovered(worker)
        records = []
        for number, (visitor, ago) in enumerate((("a", 4000), ("a", 3900), ("a", 90), ("b", 60), ("b", 0))):
            topic, value = event("page.viewed", number, ago=ago, session_id=f"visit-{visitor}", url=f"/{ago}")
            records.append((topic, 0, value))
        await produce(ready, records)
        name, shards = "ticketing.sessions", worker.running.shards

        async def ended() -> bool:
            return any(line["ended"] for line in sessions(shards, name, "", 0))

        await eventually("the first visit to end", ended)
        listed = sessions(shards, name, "", 0)
        assert [line["key"][0] for line in listed] == ["visit-b", "visit-a", "visit-a"]
        assert [line["ended"] for line in listed] == [False, False, True]
        assert sessions(shards, name, "visit-a", 0) == listed[1:]
        assert sessions(shards, name, "nobody", 0) == []
        assert listed[2]["values"]["duration_s"] == pytest.approx(100, abs=1)
        assert [line["sessions"] for line in windows(shards) if line["window"] == name] == [3, 0]
        assert await ask.count("metrics_realtime_latest", f"window = '{name}'") <= 1


@pytest.mark.long
async def test_a_worker_without_windows_delivers_and_later_ones_count_the_open_ones(
    ready: Settings, ask: Answers
) -> None:
    every = ready.model_copy(update={"location_sample_rate": 1.0})
    async with pipeline(every.model_copy(update={"windows_enabled": False})) as worker:
        await recovered(worker)
        await exactly(ask, await load(every, 0, 300))
        assert not any(state(shard) for shard in worker.shards.values())
        assert windows(worker.running.shards) == []
        assert worker.running.redis is None
    async with pipeline(every) as worker:
        await recovered(worker)
        for shard in worker.shards.values():
            assert {name for name, _, _ in state(shard)} > {"rides.trips", "ticketing.sessions"}
