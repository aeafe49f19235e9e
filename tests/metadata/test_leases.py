"""A lease has one holder at a time, by PostgreSQL's clock."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from metadata import leases
from metadata.leases import Leases
from metadata.session import connect
from streams.settings import Settings

EXPIRE = text("UPDATE leases SET expires_at = clock_timestamp() - interval '1 second'")


@pytest.fixture
async def engine(metadata_url: str) -> AsyncIterator[AsyncEngine]:
    found = connect(Settings(database_url=SecretStr(metadata_url)))
    yield found
    await found.dispose()


@pytest.fixture
def kept(engine: AsyncEngine, metadata_url: str) -> Leases:
    return Leases(engine, Settings(database_url=SecretStr(metadata_url)))


async def test_one_of_many_takes_it(kept: Leases) -> None:
    taken = await asyncio.gather(*(kept.take("work", f"{n}", 60) for n in range(12)))
    assert sum(taken) == 1
    holder = await kept.holder("work")
    assert holder is not None
    assert holder.name == f"{taken.index(True)}"
    assert 50 < holder.seconds_left <= 60
    assert await kept.take("work", holder.name, 90)
    assert not await kept.take("work", "another", 60)
    assert await kept.take("other work", "another", 60)


async def test_it_ends_by_time_or_by_hand(kept: Leases, engine: AsyncEngine) -> None:
    assert await kept.take("work", "first", 60)
    async with engine.begin() as connection:
        await connection.execute(EXPIRE)
    assert await kept.holder("work") is None
    assert await kept.take("work", "second", 60)
    assert not await kept.take("work", "first", 60)
    await kept.let_go("work", "first")
    assert not await kept.take("work", "first", 60)
    await kept.let_go("work", "second")
    assert await kept.take("work", "first", 60)


async def test_nobody_takes_it_while_its_holder_writes(kept: Leases, engine: AsyncEngine) -> None:
    assert await kept.take("work", "first", 0.2)
    async with engine.begin() as connection:
        assert await leases.has(connection, "work", "first")
        assert not await leases.has(connection, "work", "second")
        taking = asyncio.create_task(kept.take("work", "second", 60))
        await asyncio.wait([taking], timeout=0.5)
        assert not taking.done()  # although the time is over
    assert await taking
    async with engine.begin() as connection:
        assert not await leases.has(connection, "work", "first")
