"""Databases for the tests of the store: an empty one, one with all tables, and clients of seeded worlds."""

import secrets
from collections.abc import AsyncIterator, Iterator

import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client

from clickhouse.client import connect, connect_sync
from streams.settings import Settings
from tests.support.lent import Databases
from tests.support.metric_world import World


@pytest.fixture
def empty(stack_settings: Settings) -> Iterator[Settings]:
    """Settings whose database does not exist yet."""
    settings = stack_settings.model_copy(update={"clickhouse_database": f"test_{secrets.token_hex(6)}"})
    yield settings
    client = connect_sync(settings, database=False)
    client.command(f"DROP DATABASE IF EXISTS {settings.clickhouse_database} SYNC")
    client.close()


@pytest.fixture(scope="session")
def databases(stack_settings: Settings) -> Iterator[Databases]:
    """What lends databases to the tests of the store."""
    found = Databases(stack_settings)
    yield found
    found.close()


@pytest.fixture
def rollups() -> bool:
    """Whether a test's database has the rollups; the rooms whose tests are not about them say no."""
    return True


@pytest.fixture
def store(databases: Databases, rollups: bool) -> Iterator[Settings]:
    """Settings whose database has all tables."""
    with databases.lent(rollups=rollups) as settings:
        yield settings


@pytest.fixture
def server(stack_settings: Settings) -> Iterator[Client]:
    """A client that names no database."""
    client = connect_sync(stack_settings, database=False)
    yield client
    client.close()


@pytest.fixture
def client(store: Settings) -> Iterator[Client]:
    """A client of the database with all tables."""
    client = connect_sync(store)
    yield client
    client.close()


@pytest.fixture
async def async_client(store: Settings) -> AsyncIterator[AsyncClient]:
    """The client that a worker has."""
    client = await connect(store)
    yield client
    await client.close()


@pytest.fixture
async def reader(metric_world: World) -> AsyncIterator[AsyncClient]:
    """A client of the database that holds a seeded world."""
    client = await connect(metric_world.settings, reading=True)
    yield client
    await client.close()


@pytest.fixture
async def large_reader(large_metric_world: World) -> AsyncIterator[AsyncClient]:
    """A client of the larger one."""
    client = await connect(large_metric_world.settings, reading=True)
    yield client
    await client.close()
