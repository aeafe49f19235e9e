"""Rebuild and reconciliation at the edges: retries after a swap, rows that are gone, interruptions, open days."""

import asyncio
from datetime import date, timedelta

import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client

from clickhouse import compare, feeds
from clickhouse.client import connect, connect_sync
from clickhouse.holds import Holds
from clickhouse.quiet import Patience
from clickhouse.rebuild import Share, alone, moment, plan, rebuild
from clickhouse.reconcile import Found, reconcile
from clickhouse.replica import Replica
from streams.errors import ConfigurationError
from streams.events.domains import RIDES
from streams.settings import Settings
from tests.support.lent import Databases
from tests.support.rows import DAY, bodies, insert, intent, samples
from tests.support.waiting import eventually

AT_ONCE = Patience(closed=0, silent=0)


async def again(client: AsyncClient, name: str, days: list[date] | None = None) -> None:
    """Rebuild at once: no worker runs here."""
    target = await feeds.find(client, name)
    await rebuild(alone(client, [await plan(client, target, days)]), AT_ONCE, lambda *_: None)


async def differing(client: AsyncClient, name: str) -> list[compare.Difference]:
    target = await feeds.find(client, name)
    return await compare.differences(client, target, await feeds.days_of(client, target.sources))


async def found(client: AsyncClient, name: str) -> Found:
    [one] = await reconcile(client, [await feeds.find(client, name)], lambda _: True, lambda *_: None)
    return one


@pytest.mark.parametrize("name", ["daily_trips", "trip_events"])
async def test_a_retry_after_the_swap_adds_nothing(
    name: str, client: Client, async_client: AsyncClient, store: Settings
) -> None:
    [block] = bodies(samples(RIDES, 60, days=2), intent()).values()
    insert(client, store, "events_raw", block, "token")

    await again(async_client, name)
    insert(client, store, "events_raw", block, "token")

    assert await differing(async_client, name) == []


async def test_an_empty_table_is_filled_from_rows_older_than_it(
    client: Client, async_client: AsyncClient, store: Settings
) -> None:
    """A rollup that a migration has added to a database with rows."""
    [block] = bodies(samples(RIDES, 60, days=2), intent()).values()
    insert(client, store, "events_raw", block, "token")
    client.command("TRUNCATE TABLE popular_routes")

    await again(async_client, "popular_routes_mv")

    assert client.query("SELECT sum(events) > 0 FROM popular_routes").result_rows == [(True,)]
    assert await differing(async_client, "popular_routes") == []


async def test_days_whose_raw_rows_are_gone_are_refused_and_kept(
    client: Client, async_client: AsyncClient, store: Settings
) -> None:
    [block] = bodies(samples(RIDES, 90, days=3), intent()).values()
    insert(client, store, "events_raw", block, "token")
    old = DAY - timedelta(days=2)
    client.command(f"ALTER TABLE events_raw DROP PARTITION '{old}'")
    before = client.query(f"SELECT sum(events) FROM daily_users WHERE toDate(bucket) = '{old}'").result_rows

    with pytest.raises(ConfigurationError, match=rf"daily_users cannot be made again for {old}.*retention"):
        await again(async_client, "daily_users", [old, DAY])
    await again(async_client, "daily_users")

    assert client.query(f"SELECT sum(events) FROM daily_users WHERE toDate(bucket) = '{old}'").result_rows == before
    assert before[0][0] > 0


async def test_a_rebuild_that_is_interrupted_leaves_everything_as_it_was(
    client: Client, async_client: AsyncClient, store: Settings
) -> None:
    """Interrupted while it waits under its hold, which is where it can take long."""
    [block] = bodies(samples(RIDES, 60), intent()).values()
    insert(client, store, "events_raw", block, "token")
    target = await feeds.find(async_client, "daily_trips")
    made = await plan(async_client, target)
    waiting = asyncio.Event()

    def told(what: str, _done: int, _total: int) -> None:
        if "shards closed" in what:
            waiting.set()

    patient = Patience(closed=60, silent=60)
    task = asyncio.create_task(rebuild(alone(async_client, [made]), patient, told))
    await asyncio.wait_for(waiting.wait(), 30)
    assert [hold.name for hold in await Holds(async_client).active()] == ["rebuild"]
    with pytest.raises(ConfigurationError, match="millrace hold release rebuild"):
        await rebuild(alone(async_client, [made]), patient, told)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await Holds(async_client).active() == []
    assert (
        client.query(
            "SELECT name FROM system.tables WHERE name LIKE 'rebuild\\_%' AND database = currentDatabase()"
        ).result_rows
        == []
    )
    assert await differing(async_client, "daily_trips") == []


async def test_a_hold_that_a_person_has_placed_counts(
    async_client: AsyncClient, client: Client, store: Settings
) -> None:
    [block] = bodies(samples(RIDES, 60), intent()).values()
    insert(client, store, "events_raw", block, "token")
    await Holds(async_client).place("mine", "maintenance")
    old = "SELECT now64(3) - (SELECT max(at) FROM holds) > 1.5"

    async def is_old() -> bool:
        return bool((await async_client.query(old)).result_rows[0][0])

    await eventually("an old hold", is_old)
    target = await feeds.find(async_client, "daily_trips")
    said: list[str] = []
    await rebuild(
        alone(async_client, [await plan(async_client, target)]), Patience(1.5, 1.5), lambda what, *_: said.append(what)
    )

    assert [what for what in said if "closed" in what] == []
    assert [hold.name for hold in await Holds(async_client).active()] == ["mine"]


async def test_each_clickhouse_shard_makes_its_own_again_under_one_hold(
    client: Client, async_client: AsyncClient, store: Settings, databases: Databases
) -> None:
    """Two databases stand for two shards: other rows, other damages; one log, as of before they were looked at."""
    with databases.lent() as other:
        second, second_async = connect_sync(other), await connect(other)
        for seed, (one, settings) in enumerate([(client, store), (second, other)]):
            [block] = bodies(samples(RIDES, 60, days=2, seed=seed), intent()).values()
            insert(one, settings, "events_raw", block, "token")
        client.command("TRUNCATE TABLE trip_events")
        second.command("TRUNCATE TABLE daily_trips")
        replicas = [Replica(async_client), Replica(second_async)]
        since = await moment(replicas)
        shares = [
            Share(one, [await plan(one.client, await feeds.find(one.client, name))])
            for one, name in zip(replicas, ("trip_events", "daily_trips"), strict=True)
        ]

        await rebuild(shares, AT_ONCE, lambda *_: None, since)

        assert await differing(async_client, "trip_events") == []
        assert await differing(second_async, "daily_trips") == []
        logged = client.query("SELECT target, day, began_at FROM rebuilds ORDER BY target, day").result_rows
        days = sorted(shares[0].plans[0].days)
        assert logged == [
            (name, day, since.replace(tzinfo=None)) for name in ("daily_trips", "trip_events") for day in days
        ]
        assert [len(await Holds(each).active()) for each in (async_client, second_async)] == [0, 0]
        second.close()
        await second_async.close()


async def test_a_day_left_open_stays_open_until_it_was_made_again(
    client: Client, async_client: AsyncClient, store: Settings
) -> None:
    """R8: a batch aged with an unknown outcome; families are completed by the worker, rollups by a rebuild."""
    [block] = bodies(samples(RIDES, 60), intent()).values()
    insert(client, store, "events_raw", block, "token")
    entry = "INSERT INTO repairs (shard, chain, intent, nonce, relation, day, done) VALUES "
    client.command(f"{entry} (0, 'c', 1, 'n', 'events_raw', '{DAY}', 0), (0, 'c', 1, 'n', 'events_raw', '{DAY}', 1)")

    assert (await found(async_client, "daily_trips")).open == [DAY]
    assert (await found(async_client, "trip_events")).open == []
    assert (await found(async_client, "user_funnel")).open == []
    await again(async_client, "daily_trips", [DAY])
    assert (await found(async_client, "daily_trips")).open == []
    assert (await found(async_client, "daily_users")).open == [DAY]
    client.command(f"{entry} (1, 'c', 2, 'n', 'events_raw', '{DAY}', 0)")
    assert (await found(async_client, "daily_trips")).open == [DAY]


async def test_a_name_that_is_none_is_refused(async_client: AsyncClient) -> None:
    with pytest.raises(ConfigurationError, match="'daily_trip' is no rollup and no family table; choose one of"):
        await feeds.find(async_client, "daily_trip")
