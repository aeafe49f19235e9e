"""A process opens as many connections as its setting says; whoever finds none free waits."""

import asyncio

import psycopg
from pydantic import SecretStr
from sqlalchemy import text

from metadata.session import connect
from streams.settings import Settings


async def test_connections_are_bounded_by_the_setting(metadata_url: str) -> None:
    engine = connect(Settings(database_url=SecretStr(metadata_url), database_connections=2))

    async def ask() -> int:
        async with engine.connect() as connection:
            return int((await connection.execute(text("SELECT 1"))).scalar_one())

    async with engine.connect(), engine.connect() as last:
        waiting = asyncio.create_task(ask())
        await asyncio.wait([waiting], timeout=0.1)
        assert not waiting.done()
        await last.close()
        assert await waiting == 1
    await engine.dispose()
    assert Settings().database_connections == 20


def test_the_embedded_server_takes_two_web_processes_and_the_scheduler(metadata_url: str) -> None:
    """Each with a full pool, and commands beside them."""
    with psycopg.connect(metadata_url) as connection:
        row = connection.execute("SHOW max_connections").fetchone()
    assert row is not None
    assert int(row[0]) >= 3 * Settings().database_connections + 10
