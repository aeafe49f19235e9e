"""Copies of the metadata database's tables: one file of PostgreSQL's own COPY each, all of one moment, and back again.

Not pg_dump: it must be of the server's version or a later one, and is not where the command runs. The tables are few
and known, their form comes from the migrations.
"""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from alembic import command
from alembic.util import CommandError
from psycopg import sql
from sqlalchemy import Connection, inspect, text

from metadata.migrate import LOCK, VERSION_TABLE, configuration
from metadata.models import COPIED, Base
from metadata.session import connect_sync, told
from streams.errors import ConfigurationError
from streams.settings import Settings


class Copied(NamedTuple):
    """One table as it was copied."""

    name: str
    columns: list[str]
    rows: int
    path: Path
    """Of the file, gzip."""


def copy_out(settings: Settings, folder: Path) -> tuple[str, list[Copied]]:
    """Write every table but caches into a file of its own; returns the last migration, and what was written.

    All files show the same moment, and nobody is kept from writing meanwhile. Raises MetadataUnavailable,
    ConfigurationError if there are no tables yet.
    """
    folder.mkdir(parents=True)
    with _connected(settings) as connection:
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        there = set(inspect(connection).get_table_names())
        if VERSION_TABLE not in there:
            raise ConfigurationError("the metadata database has no tables yet; run `millrace migrate apply` first")
        revision = str(connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one())
        kept = [table for table in Base.metadata.sorted_tables if table.info.get(COPIED, True)]
        tables = [str(table.name) for table in kept if table.name in there]
        return revision, [_out(connection, name, folder / f"{name}.copy.gz") for name in tables]


def copy_in(settings: Settings, revision: str, tables: list[Copied], replace: bool) -> None:
    """Make the tables as they were at that migration, fill them, and bring them to this version's form; all or nothing.

    Raises ConfigurationError if there are rows and they are not to be replaced, or this version does not know the
    migration; MetadataUnavailable.
    """
    with _connected(settings) as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": LOCK})
        _make_room(connection, replace)
        config = configuration(connection)
        try:
            command.upgrade(config, revision)
        except CommandError as error:
            raise ConfigurationError(
                f"the backup has migration {revision} of the metadata database, which this version does not know: "
                f"{error}. Restore with the version that took it, or a later one"
            ) from error
        for each in tables:
            _in(connection, each)
        command.upgrade(config, "head")


@contextmanager
def _connected(settings: Settings) -> Iterator[Connection]:
    engine = connect_sync(settings)
    try:
        with told(settings), engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def _make_room(connection: Connection, replace: bool) -> None:
    there = set(inspect(connection).get_table_names())
    ours = [table.name for table in reversed(Base.metadata.sorted_tables) if table.name in there]
    used = [name for name in ours if connection.execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one()]
    if used and not replace:
        raise ConfigurationError(
            f"the metadata database has rows in {', '.join(used)}; a backup is restored into an empty one. Set "
            "DATABASE_URL to another, or add --replace, which drops these tables first"
        )
    for name in [*ours, *({VERSION_TABLE} & there)]:
        connection.execute(text(f'DROP TABLE "{name}" CASCADE'))


def _out(connection: Connection, name: str, path: Path) -> Copied:
    columns = [str(column["name"]) for column in inspect(connection).get_columns(name)]
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("COPY {} ({}) TO STDOUT").format(sql.Identifier(name), names)
    with gzip.open(path, "wb") as file, _cursor(connection) as cursor:
        with cursor.copy(statement) as copy:
            for piece in copy:
                file.write(piece)
        return Copied(name, columns, cursor.rowcount, path)


def _in(connection: Connection, table: Copied) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.name), names)
    with gzip.open(table.path, "rb") as file, _cursor(connection) as cursor:
        with cursor.copy(statement) as copy:
            while piece := file.read(1 << 16):
                copy.write(piece)
        if cursor.rowcount != table.rows:
            raise ConfigurationError(f"{table.path} has {cursor.rowcount} rows of {table.name}, not {table.rows}")
    for column in table.columns:
        _continue(connection, table.name, column)


def _continue(connection: Connection, table: str, column: str) -> None:
    """Let the sequence of a numbered column go on after the highest number that came back."""
    owned = "SELECT pg_get_serial_sequence(:table, :column)"
    sequence = connection.execute(text(owned), {"table": f'"{table}"', "column": column}).scalar_one()
    if sequence is not None:
        highest = connection.execute(text(f'SELECT max("{column}") FROM "{table}"')).scalar_one()
        connection.execute(text("SELECT setval(:name, :next, false)"), {"name": sequence, "next": (highest or 0) + 1})


@contextmanager
def _cursor(connection: Connection) -> Iterator[Any]:
    driver = connection.connection.driver_connection
    assert driver is not None
    with driver.cursor() as cursor:
        yield cursor
