"""Clients of the databases that hold a seeded world."""

from collections.abc import AsyncIterator

import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.client import connect
from tests.support.metric_world import World


@pytest.fixture
async def reader(metric_world: World) -> AsyncIterator[AsyncClient]:
    """A client of that database."""
    client = await connect(metric_world.settings, reading=True)
    yield client
    await client.close()


@pytest.fixture
async def large_reader(large_metric_world: World) -> AsyncIterator[AsyncClient]:
    """A client of the larger one."""
    client = await connect(large_metric_world.settings, reading=True)
    yield client
    await client.close()
