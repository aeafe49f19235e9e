"""Live windows read from a real Redis: shards merged, panes added up, silence shown, one read for many viewers."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import redis.asyncio

from streams.errors import LiveUnavailable, QueryRefused
from streams.events.domains import RIDES
from tables.aggregates import Aggregate, Count, Rate
from tables.declared import declared
from tables.live import Live, View
from tables.query import Query
from tables.rides import BOOKING_TYPES
from tables.window import Declared, Measures
from tests.support.live import Published, counted, cut_off, rides, ticketing, whole
from tests.support.waiting import eventually


@pytest.fixture
async def live(published: Published, redis_url: str) -> AsyncIterator[Live]:
    client = redis.asyncio.Redis.from_url(redis_url)
    yield Live(client, published.group, declared, expected=2, cache_seconds=0)
    await client.aclose()


def only(view: View) -> dict[str, Any]:
    """The values of the one row of the one question."""
    ((row,),) = view.rows
    return dict(row.values)


async def test_two_shards_read_as_one_whole(published: Published, live: Live) -> None:
    now = time.time()
    events = [*rides(200, now), *ticketing(200, now)]
    for shard in (0, 1):
        published.events(shard, events[shard::2], now)
        published.status(shard)
    hourly = [window for window in declared.windows.values() if window.size == 3600 and not window.over.key]
    assert len(hourly) == 9
    view = await live.read(*(Query(window.name) for window in hourly))
    assert view.complete
    assert (view.stale, [row.kept for rows in view.rows for row in rows]) == ((), [True] * 9)
    for window, (row,) in zip(hourly, view.rows, strict=True):
        slices = declared.slices[window.over.name]
        seen = [event for shard in (0, 1) for event in counted(slices, events[shard::2], now)]
        inside = [event for event in seen if row.start <= event["at"] < row.end]
        assert row.values == whole(slices, inside, 3600), window.name
        assert row.start <= now < row.end


async def test_a_hopping_window_is_the_sum_of_its_panes(published: Published, live: Live) -> None:
    now = time.time()
    published.events(0, rides(300, now, minutes=90))
    published.status(0)
    view = await live.read(Query("rides.bookings.1h"), Query("rides.bookings.1m", last=60))
    (hour,), minutes = view.rows
    assert (minutes[0].start, minutes[-1].end, len(minutes)) == (hour.start, hour.end, 60)
    for measure in ("created", "confirmed", "cancelled", "completed"):
        assert sum(minute.values[measure] for minute in minutes) == hour.values[measure]
    assert hour.values["created"] > 100


async def test_a_silent_shard_is_shown_and_still_counted(published: Published, live: Live) -> None:
    now = time.time()
    published.events(0, [{"event_type": "booking.created", "at": now}])
    published.events(1, [{"event_type": "booking.created", "at": now}])
    published.status(0)
    published.status(1, age=20)
    view = await live.read(Query("rides.bookings.1h"))
    assert only(view)["created"] == 2
    assert (view.complete, view.stale) == (False, (1,))
    fresh, silent = view.shards
    assert (fresh.stale, silent.stale, silent.alive) == (False, True, True)
    assert silent.age_seconds == pytest.approx(20, abs=3)
    published.status(1, age=100)
    (_, dead) = (await live.read(Query("rides.bookings.1h"))).shards
    assert (dead.stale, dead.alive) == (True, False)


@pytest.mark.parametrize("wrong", [-300, 300])
async def test_no_clock_but_that_of_redis_tells_how_old_a_shard_is(
    published: Published, redis_url: str, wrong: int
) -> None:
    """That of ClickHouse, which is in `as_of`, and the reader's may be minutes apart."""
    published.status(0, as_of=round((time.time() - 120) * 1000))
    published.status(1, age=20)
    async with redis.asyncio.Redis.from_url(redis_url) as client:

        def clock() -> float:
            return time.time() + wrong

        live = Live(client, published.group, declared, expected=2, cache_seconds=0, clock=clock)
        fresh, silent = (await live.read(Query("rides.bookings.1h"))).shards
    assert fresh.age_seconds == pytest.approx(0, abs=3)
    assert silent.age_seconds == pytest.approx(20, abs=3)
    assert (fresh.stale, silent.stale) == (False, True)


async def test_a_stopped_pipeline_keeps_its_last_windows(published: Published, live: Live) -> None:
    then = time.time() - 1800
    published.events(0, [{"event_type": "booking.created", "at": then}])
    for shard in (0, 1):
        published.status(shard, age=1800)
    view = await live.read(Query("rides.bookings.1m"))
    assert only(view)["created"] == 1
    assert view.as_of / 1000 == pytest.approx(then, abs=3)
    assert (view.complete, view.stale) == (False, (0, 1))


async def test_what_another_version_counts_otherwise_is_left_out_and_told(
    published: Published, live: Live, redis_url: str
) -> None:
    """In the middle of an upgrade: its states are others under the same name, and would be misread, or not at all."""
    other = Declared()
    measures = (Count("cancelled", ("booking.cancelled",)), Count("created", ("booking.created",)))
    other.tumbling("rides.bookings.1m", Measures("rides.bookings", RIDES, BOOKING_TYPES, measures), size=60)
    upgraded = Published(redis_url, published.group, other)
    booking = [{"event_type": "booking.created", "at": time.time()}]
    published.events(0, booking)
    published.status(0)
    upgraded.events(1, booking * 5)
    upgraded.status(1)
    view = await live.read(Query("rides.bookings.1h"))
    upgraded.close()
    assert only(view)["created"] == 1
    assert (view.complete, view.stale) == (False, ())
    assert [each.other_version for each in view.shards] == [False, True]


def test_a_dialect_is_another_one_once_states_mean_something_else() -> None:
    def dialect(*measures: Aggregate, size: int = 60, key: tuple[str, ...] = ()) -> str:
        made = Declared()
        made.tumbling("w", Measures("m", RIDES, BOOKING_TYPES, measures, key), size=size)
        return made.dialect

    one, two = Count("one", ("booking.created",)), Count("two", ("booking.created",))
    assert dialect(one, two) == dialect(one, replace(two, doc="Said otherwise."))
    others = [
        dialect(two, one),
        dialect(one),
        dialect(one, Rate("two", ("booking.created",))),
        dialect(one, Count("two", ("booking.cancelled",))),
        dialect(one, two, size=120),
        dialect(one, two, key=("pickup_city",)),
    ]
    assert len({dialect(one, two), *others}) == 7


async def test_a_shard_that_never_spoke_is_missing(published: Published, live: Live) -> None:
    nothing = await live.read(Query("rides.bookings.1h"))
    assert (nothing.complete, nothing.stale, nothing.as_of, nothing.watermark) == (False, (0, 1), 0, 0)
    assert only(nothing)["created"] == 0
    published.status(0)
    half = await live.read(Query("rides.bookings.1h"))
    assert (half.complete, half.stale) == (False, (1,))
    assert half.shards[1].age_seconds is None


async def test_shards_beyond_those_expected_are_found(published: Published, live: Live) -> None:
    now = time.time()
    for shard in range(4):
        published.events(shard, [{"event_type": "booking.created", "at": now}])
        published.status(shard)
    view = await live.read(Query("rides.bookings.1h"))
    assert (only(view)["created"], view.complete, len(view.shards)) == (4, True, 4)


async def test_windows_close_with_the_lowest_watermark_of_the_living(published: Published, live: Live) -> None:
    now = int(time.time()) // 60 * 60
    published.status(0, watermark=now * 1000)
    published.status(1, watermark=(now - 120) * 1000)
    query = Query("rides.bookings.1m", start=now - 240, end=now)
    view = await live.read(query)
    assert [row.closed for row in view.rows[0]] == [True, True, False, False]
    published.status(1, age=90, watermark=(now - 120) * 1000)  # nobody owns it any more
    view = await live.read(query)
    assert [row.closed for row in view.rows[0]] == [True] * 4
    assert view.watermark == now * 1000


async def test_a_range_finds_what_a_replay_counted_and_says_what_has_expired(published: Published, live: Live) -> None:
    then = int(time.time()) // 60 * 60 - 4020
    published.events(0, [{"event_type": "booking.created", "at": then}])
    published.status(0)
    old = then - 40_000
    (rows, expired) = (
        await live.read(
            Query("rides.bookings.1m", start=then - 60, end=then + 60),
            Query("rides.bookings.1m", start=old, end=old + 60),
        )
    ).rows
    assert [(row.start, row.values["created"], row.kept) for row in rows] == [(then - 60, 0, True), (then, 1, True)]
    assert [row.kept for row in expired] == [False]


async def test_keys_are_filtered_and_ordered(published: Published, live: Live) -> None:
    now = time.time()
    published.events(0, rides(60, now, minutes=0))
    published.events(1, rides(90, now, minutes=0))
    published.status(0)
    name = "rides.payments.by_zone.5m"
    one, some, best = (
        await live.read(
            Query(name, where=(("pickup_zone", "Astoria"),)),
            Query(name, where=(("pickup_zone", "B*"),)),
            Query(name, by="revenue.USD", limit=2),
        )
    ).rows
    assert [row.key for row in one] == [{"pickup_zone": "Astoria"}]
    assert [row.key for row in some] == [{"pickup_zone": "Bushwick West"}]
    amounts = [row.values["revenue"]["USD"] for row in best]
    assert len(amounts) == 2
    assert amounts == sorted(amounts, reverse=True)
    cells = (await live.read(Query("rides.demand.by_cell.5m"))).rows[0]
    assert sum(row.values["created"] for row in cells) == 150
    assert all(row.key["pickup_cell"].startswith("8") for row in cells)


@pytest.mark.parametrize(
    ("query", "code", "says"),
    [
        (Query("rides.bookngs.1m"), "unknown_window", "rides.bookings.1m"),
        (Query("rides.bookings.1m", where=(("zone", "x"),)), "unknown_column", "no key"),
        (Query("rides.trips.by_zone.5m", where=(("zone", "x"),)), "unknown_column", "pickup_zone"),
        (Query("rides.payments.1m", by="revenue"), "unknown_measure", "revenue.USD"),
        (Query("rides.trips.1m", by="duration_s"), "unknown_measure", "duration_s.p95"),
        (Query("rides.trips.1m", by="started.x"), "unknown_measure", "by=started"),
        (Query("rides.trips.1m", by="nothing"), "unknown_measure", "started"),
        (Query("rides.trips.1m", start=60, end=60), "bad_range", "to"),
        (Query("rides.trips.1m", last=10**9), "too_much", "1,440"),
    ],
)
async def test_what_cannot_be_answered_is_refused_with_a_way_out(
    live: Live, query: Query, code: str, says: str
) -> None:
    with pytest.raises(QueryRefused) as refused:
        await live.read(query)
    assert refused.value.code == code
    assert says in f"{refused.value.hint} {refused.value.near}"
    assert live.reads == 0


async def test_an_answer_of_too_many_rows_is_refused_with_a_way_out(published: Published, redis_url: str) -> None:
    now = time.time()
    events = [{"event_type": "booking.created", "at": now, "pickup_zone": f"zone {number}"} for number in range(4)]
    published.events(0, events)
    published.status(0)
    name = "rides.bookings.by_zone.5m"
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        live = Live(client, published.group, declared, most_rows=3, cache_seconds=0)
        with pytest.raises(QueryRefused, match="more than 3 rows") as refused:
            await live.read(Query(name))
        assert (refused.value.code, refused.value.value) == ("too_much", name)
        assert len((await live.read(Query(name, by="created", limit=3))).rows[0]) == 3


async def test_many_viewers_cost_one_round_trip(published: Published, redis_url: str) -> None:
    published.events(0, rides(50, time.time() - 1))
    published.status(0)
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        live = Live(client, published.group, declared, expected=1, cache_seconds=60)
        queries = (Query("rides.bookings.1h"), Query("rides.bookings.1m", last=30))
        views = await asyncio.gather(*(live.read(*queries) for _ in range(100)))
        assert all(view is views[0] for view in views)
        assert live.reads <= 2  # a second one where the shards' clock still stood in the window before
        reads = live.reads
        await live.read(Query("rides.bookings.1h"))
        assert live.reads - reads in (1, 2)


async def test_panes_that_changed_are_seen_at_once(published: Published, live: Live) -> None:
    now = time.time()
    first = [{"event_type": "booking.created", "at": now - 60 * n} for n in range(5)]
    published.status(0)
    published.events(0, first)
    assert only(await live.read(Query("rides.bookings.1h")))["created"] == 5
    published.events(0, [*first, *first[3:]])
    assert only(await live.read(Query("rides.bookings.1h")))["created"] == 7


def over_for_good(minutes: int = 15) -> tuple[Query, int]:
    """A question about a minute so long ago, and the watermark, in milliseconds, from which on nothing changes it."""
    start = int(time.time()) // 60 * 60 - 60 * minutes
    lateness = declared.windows["rides.bookings.1m"].over.lateness
    return Query("rides.bookings.1m", start=start, end=start + 60), (start + 60 + lateness) * 1000


def bookings(count: int, query: Query) -> list[dict[str, Any]]:
    """So many in the window that is asked for."""
    return [{"event_type": "booking.created", "at": (query.start or 0) + 1}] * count


async def test_what_nothing_can_change_is_not_looked_up_each_time(published: Published, live: Live) -> None:
    query, final = over_for_good()
    published.events(0, bookings(1, query))
    for shard in (0, 1):
        published.status(shard, watermark=final)
    assert only(await live.read(query))["created"] == 1
    published.events(0, bookings(2, query))  # nobody does that
    assert only(await live.read(query))["created"] == 1


async def test_a_correction_before_the_lateness_is_over_is_seen(published: Published, live: Live) -> None:
    """By a reader who was away when it came, and meanwhile has heard that nothing can change any more."""
    query, final = over_for_good()
    published.events(0, bookings(1, query))
    for shard in (0, 1):
        published.status(shard, watermark=final - 1)
    assert only(await live.read(query))["created"] == 1
    published.events(0, bookings(2, query))
    published.status(0, watermark=final)
    await live.read(Query("rides.trips.1m"))
    assert only(await live.read(query))["created"] == 2


@pytest.mark.parametrize("change", [{"epoch": "second"}, {"watermark": 1}], ids=["all sent again", "watermark back"])
async def test_another_owner_may_change_what_was_over(published: Published, live: Live, change: dict[str, Any]) -> None:
    query, final = over_for_good()
    published.events(0, bookings(1, query))
    for shard in (0, 1):
        published.status(shard, watermark=final, epoch="first")
    assert only(await live.read(query))["created"] == 1
    published.events(0, bookings(2, query))
    published.status(0, **{"watermark": final, "epoch": "first", **change})
    assert only(await live.read(query))["created"] == 2


async def test_redis_away_is_said_and_survived(published: Published, redis_url: str) -> None:
    published.status(0)
    with cut_off(redis_url) as (url, way):
        async with redis.asyncio.Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1) as client:
            live = Live(client, published.group, declared, cache_seconds=0)
            assert (await live.read(Query("rides.bookings.1h"))).complete
            way.refuse()

            async def fails() -> bool:
                try:
                    await live.read(Query("rides.bookings.1h"))
                except LiveUnavailable as error:
                    return "REDIS_URL" in str(error)
                return False

            await eventually("the outage to be told", fails)
            way.accept()
            assert (await live.read(Query("rides.bookings.1h"))).complete
