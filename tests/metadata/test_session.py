"""A process opens as many connections as its setting says; whoever finds none free waits."""

import asyncio

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
