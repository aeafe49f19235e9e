"""Migrations of the metadata database: from nothing, from many processes at once, and true to the models."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from pydantic import SecretStr
from sqlalchemy import Connection
from sqlalchemy.schema import SchemaItem

from metadata import migrate
from metadata.models import Base
from metadata.session import connect_sync
from streams.errors import ConfigurationError, MetadataUnavailable
from streams.settings import Settings


def settings(url: str | None) -> Settings:
    return Settings(database_url=None if url is None else SecretStr(url))


def test_from_nothing_to_applied(empty_database: str) -> None:
    given = settings(empty_database)
    before = migrate.status(given)
    assert [state.applied for state in before] == [False] * len(before)
    assert migrate.run(given) == len(before)
    assert migrate.run(given) == 0
    assert [state.name for state in migrate.status(given) if state.applied] == [state.name for state in before]
    assert before[0].name == "0001 API keys"
    assert "0002_jobs Jobs, reports, the metric cache, data quality" in [state.name for state in before]


def test_many_at_once_apply_each_migration_once(empty_database: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        done = [*pool.map(lambda _: migrate.run(settings(empty_database)), range(6))]
    assert sorted(done) == [0, 0, 0, 0, 0, len(migrate.status(settings(empty_database)))]


def test_tables_are_what_the_models_say(metadata_url: str) -> None:
    def differences(connection: Connection) -> list[object]:
        def ours(_: SchemaItem, name: str | None, *__: object) -> bool:
            return name != migrate.VERSION_TABLE

        opts = {"compare_type": True, "include_object": ours, "version_table": migrate.VERSION_TABLE}
        return list(compare_metadata(MigrationContext.configure(connection, opts=opts), Base.metadata))

    engine = connect_sync(settings(metadata_url))
    with engine.connect() as connection:
        assert differences(connection) == []
    engine.dispose()
    with psycopg.connect(metadata_url) as direct:
        rows = direct.execute("SELECT conname FROM pg_constraint WHERE contype = 'c' AND conname LIKE 'ck\\_%'")
        found = {name for (name,) in rows}
    constraints = [each for table in Base.metadata.tables.values() for each in table.constraints]
    assert found == {check.name for check in constraints if "ck_" in str(check.name)}


@pytest.mark.parametrize(
    ("url", "error", "says"),
    [
        (None, ConfigurationError, "DATABASE_URL is not set"),
        ("nonsense", ConfigurationError, "no address"),
        ("mysql://here/db", ConfigurationError, "'mysql'"),
        ("postgresql://me:secret@127.0.0.1:1/db", MetadataUnavailable, "does not answer at DATABASE_URL=postgresql"),
    ],
)
def test_what_cannot_be_reached_is_said(url: str | None, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as raised:
        migrate.run(settings(url))
    assert "secret" not in str(raised.value)
