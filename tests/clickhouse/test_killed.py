"""kill -9 of ClickHouse in the middle of an insert, while some views have their rows and others do not."""

import threading
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import Error
from pydantic import SecretStr

from clickhouse import compare, feeds
from clickhouse.client import connect, connect_sync
from streams.events.domains import RIDES, TICKETING, Domain
from streams.settings import Settings
from tests.support.clickhouse import PASSWORD, Server
from tests.support.rows import Block, bodies, insert, intent, samples
from tests.support.tables import migrated
from tests.support.waiting import until

pytestmark = pytest.mark.slow


def on(server: Server) -> Settings:
    """Settings of the tables on this server."""
    return Settings(
        clickhouse_url=server.address.url,
        clickhouse_user=server.address.user,
        clickhouse_password=SecretStr(PASSWORD),
        clickhouse_database="killed",
    )


def inserted(settings: Settings, table: str, block: Block) -> threading.Thread:
    """Begin to insert, and do not mind that no answer comes."""

    def run() -> None:
        client = connect_sync(settings)
        with pytest.raises((Error, OSError)):
            insert(client, settings, table, block, table)
        client.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def filled(client: Client) -> set[str]:
    """The tables that have rows."""
    shown = client.query("SELECT name FROM system.tables WHERE database = currentDatabase() AND total_rows > 0")
    return {str(name) for (name,) in shown.result_rows}


async def fed(settings: Settings) -> list[feeds.Target]:
    """Every table that views fill."""
    client = await connect(settings)
    try:
        return list((await feeds.targets(client)).values())
    finally:
        await client.close()


async def differing(settings: Settings) -> list[compare.Difference]:
    """Days of these tables that are not what their raw rows say."""
    client = await connect(settings)
    try:
        days = [(target, await feeds.days_of(client, target.sources)) for target in await fed(settings)]
        return [each for target, of in days for each in await compare.differences(client, target, of)]
    finally:
        await client.close()


LONG = pytest.mark.faults


@pytest.mark.parametrize("domain", [RIDES, pytest.param(TICKETING, marks=LONG)], ids=lambda domain: domain.name)
@pytest.mark.parametrize("name", ["zz_slow_mv", *(pytest.param(each, marks=LONG) for each in ("a_mv", "h_mv"))])
async def test_an_insert_torn_between_source_and_views_is_whole_after_its_retry(
    domain: Domain, name: str, tmp_path: Path
) -> None:
    """A view that sleeps holds the insert where it is torn: beside it some views have committed their rows."""
    first = Server(tmp_path)
    settings = migrated(on(first))
    [(table, block)] = bodies(samples(domain, 300, days=3), intent()).items()
    client = connect_sync(settings)
    client.command("CREATE TABLE slow (n UInt8) ENGINE = MergeTree ORDER BY n")
    client.command(f"CREATE MATERIALIZED VIEW {name} TO slow AS SELECT sleep(3) AS n FROM {table}")
    running = "SELECT count() FROM system.processes WHERE startsWith(query, 'INSERT INTO') AND elapsed > 1"
    thread = inserted(settings, table, block)
    until("the insert to be where the view sleeps", lambda: client.query(running).result_rows == [(1,)], 30)
    first.kill()
    thread.join()
    client.close()

    second = Server(tmp_path)
    settings = on(second)
    client = connect_sync(settings)
    views = {target.name for target in await fed(settings) if table in target.sources}
    torn = views & filled(client)
    assert table in filled(client)
    assert torn != views
    client.command(f"DROP TABLE {name} SYNC")
    client.command("DROP TABLE slow SYNC")
    for _ in range(2):
        insert(client, settings, table, block, table)

    assert await differing(settings) == []
    assert views <= filled(client)
    client.close()
    assert second.stop() == 0
