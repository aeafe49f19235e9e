"""ClickHouse killed after it has logged the token of an insert and before its part is there, under a worker (R6)."""

import asyncio
import os
import signal
from pathlib import Path
from urllib.parse import quote

import pytest

from clickhouse.client import connect
from deploy.local.clickhouse import deduplication_log as logs
from streams.cli.topics import create
from streams.settings import Settings
from tests.support.clickhouse import PASSWORD, Server
from tests.support.feed import pipeline, produce
from tests.support.found import counts, doubled
from tests.support.renames import Renames
from tests.support.store import Answers, exactly
from tests.support.tables import migrated
from tests.support.wire import mixed

pytestmark = [pytest.mark.slow, pytest.mark.faults]

ROWS, MORE, BAD = 60, 80, 5


def on(server: Server, settings: Settings) -> Settings:
    """The settings with this server in the place of ClickHouse."""
    url = f"http://{server.address.user}:{quote(PASSWORD)}@{server.address.host}:{server.address.port}"
    return settings.model_copy(update={"clickhouse_url": url})


async def folder_of(ask: Answers, table: str) -> Path:
    """Where a table has its parts."""
    here = f"database = currentDatabase() AND name = '{table}'"
    return Path(await ask.one(f"SELECT data_paths[1] FROM system.tables WHERE {here}"))


def tokens_alone(table: Path) -> int:
    """Tokens in the log of a table whose part is not there."""
    parts = [part for name in os.listdir(table) if (part := logs.part(name)) is not None]
    texts = [file.read_text() for file in (table / "deduplication_logs").glob("*.txt")]
    return sum(text.count("\n") - logs.cleaned(text, parts).count("\n") for text in texts)


@pytest.mark.parametrize("table", ["events_raw", "events", "dead_letters", "booking_events", "page_views", "delivered"])
async def test_r6_clickhouse_dies_between_token_and_part(settings: Settings, table: str, tmp_path: Path) -> None:
    """The table that the worker inserts into, or one that a view fills."""
    renames = Renames()
    first = Server(tmp_path / "clickhouse", renames=renames)
    settings = migrated(on(first, settings))
    await create(settings)
    await produce(settings, mixed(ROWS, partitions=1))
    async with pipeline(settings, [0]):
        client = await connect(settings)
        await exactly(Answers(client), ROWS)
        folder = await folder_of(Answers(client), table)
        await client.close()
        renames.kills = lambda path: path.startswith(f"{folder}/tmp_insert_")
        await produce(settings, mixed(MORE, first=ROWS, partitions=1))
        await produce(settings, [("rides.trip", 0, b"%d is no event" % number) for number in range(BAD)])
        assert await asyncio.to_thread(first.process.wait, 60) == -signal.SIGKILL
        first.kill()  # the rest of what it said is read
        assert renames.killed_at
        assert tokens_alone(folder) >= 1

        second = Server(tmp_path / "clickhouse", "--port", str(first.address.port))
        client = await connect(settings)
        await exactly(Answers(client), ROWS + MORE)
        await client.close()
    assert await asyncio.to_thread(doubled, settings) == {}
    assert (await asyncio.to_thread(counts, settings))["dead_letters"] == {"malformed": BAD}
    assert second.stop() == 0
