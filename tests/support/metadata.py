"""A metadata database for each test, in the session's PostgreSQL."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from pydantic import SecretStr

from metadata import migrate
from streams.settings import Settings


@contextmanager
def fresh_database(stack_settings: Settings) -> Iterator[str]:
    """Address of a database of PostgreSQL without any table, which nobody else has."""
    assert stack_settings.database_url is not None
    server, _, _ = stack_settings.database_url.get_secret_value().rpartition("/")
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield f"{server}/{name}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def empty_database(stack_settings: Settings) -> Iterator[str]:
    """See `fresh_database`."""
    with fresh_database(stack_settings) as url:
        yield url


@pytest.fixture
def metadata_url(empty_database: str) -> str:
    """The same with all tables."""
    migrate.run(Settings(database_url=SecretStr(empty_database)))
    return empty_database
