"""Databases for the tests of the store: an empty one, and one with all tables."""

import secrets
from collections.abc import AsyncIterator, Iterator

import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client

from clickhouse.client import connect, connect_sync
from streams.settings import Settings
from tests.support.lent import Databases


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
