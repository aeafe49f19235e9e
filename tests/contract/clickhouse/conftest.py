"""One server and one database a module for the contract of ClickHouse's HTTP interface.

CLICKHOUSE_CONTRACT_URL (`http://user:password@host:8123`) names any ClickHouse; without it the embedded one is started.
"""

import os
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import pytest
from clickhouse_connect.driver.client import Client

from tests.support.clickhouse import Address, Server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """The server under test."""
    url = os.environ.get("CLICKHOUSE_CONTRACT_URL")
    if url:
        parts = urlsplit(url)
        plain = f"{parts.scheme}://{parts.hostname}:{parts.port or 8123}"
        yield Address(plain, unquote(parts.username or "default"), unquote(parts.password or ""))
        return
    embedded = Server(tmp_path_factory.mktemp("clickhouse"))
    yield embedded.address
    assert embedded.stop() == 0


@pytest.fixture(scope="module")
def database(server: Address) -> Iterator[str]:
    """A database of the module's own."""
    name = f"contract_{uuid4().hex[:12]}"
    server.http(f"CREATE DATABASE {name}")
    yield name
    server.http(f"DROP DATABASE {name} SYNC")


@pytest.fixture(scope="module")
def client(server: Address, database: str) -> Iterator[Client]:
    """A synchronous client in that database."""
    with server.client(database=database) as opened:
        yield opened


@pytest.fixture
def table(client: Client) -> str:
    """The name of a table that is not there yet."""
    return f"t_{uuid4().hex[:12]}"
