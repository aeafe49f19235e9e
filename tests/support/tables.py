"""All tables in a new database, in a twentieth of the time of the migrations: for tests that are not about these."""

import fcntl
import pickle
import re
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from clickhouse_connect.driver.client import Client

from clickhouse import lock, migrate, policy, statements, structure
from clickhouse.client import connect_sync
from clickhouse.rollups import ROLLUPS, TARGETS
from streams.settings import Settings

NAME = re.compile(r"\{database\}\.(\w+)")
BACKUP = f"Memory('{secrets.token_hex(6)}')"
SESSION = {"session_id": secrets.token_hex(6), "session_timeout": 3600}
"""A backup in memory is seen by its own session alone."""


@dataclass
class Made:
    """What the migrations make, as the first database of this process has it."""

    url: str | None
    """The server that has a backup of it."""
    name: str
    tables: Mapping[str, str]
    """How each is created."""
    rows: Mapping[str, Sequence[Any]]
    """What the migrations wrote, by table: their own log, for one."""
    views: Mapping[str, str]
    first: ClassVar["Made | None"] = None
    folder: ClassVar[Path | None] = None
    """What all processes of this run share; None where there is one."""


def migrated(settings: Settings, *, rollups: bool = True) -> Settings:
    """The settings, once their database holds what `millrace migrate apply` would make there.

    The first one of a run is migrated. Of each process the first is made from its structure and its rows, and so are
    those on another server; the others are restored from a backup of that. If wanted they lack the rollups and their
    views, which are a third of what an insert costs.
    """
    if Made.first is None:
        Made.first = _first(settings)
        return settings
    left_out = () if rollups else {*TARGETS, *(rollup.view for rollup in ROLLUPS)}
    client = connect_sync(settings, database=False)
    try:
        make = _restore if settings.clickhouse_url == Made.first.url else _create
        make(client, Made.first, settings.clickhouse_database, left_out)
        policy.adjust(client, settings)
    finally:
        client.close()
    return settings


def _first(settings: Settings) -> Made:
    """What the migrations make, and the database of these settings with it, which has a backup then."""
    with _shared() as path:
        if path is None or not path.exists():
            migrate.run(settings)
            made = _read(settings)
            if path is not None:
                path.write_bytes(pickle.dumps(made))
            return made
    found: Made = pickle.loads(path.read_bytes())
    made = replace(found, url=settings.clickhouse_url, name=settings.clickhouse_database)
    client = connect_sync(settings, database=False)
    try:
        _create(client, made, made.name, ())
        policy.adjust(client, settings)
        _back_up(client, made.name)
    finally:
        client.close()
    return made


@contextmanager
def _shared() -> Iterator[Path | None]:
    """Where the first process of a run leaves what it has made, while no other looks; None where there is no other."""
    if Made.folder is None:
        yield None
        return
    with (Made.folder / "made.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield Made.folder / "made"


def _back_up(client: Client, name: str) -> None:
    client.command(f"BACKUP DATABASE {name} TO {BACKUP}", settings=SESSION)


def _restore(client: Client, made: Made, name: str, left_out: Collection[str]) -> None:
    but = "EXCEPT TABLES " + ", ".join(f"{made.name}.{each}" for each in left_out) if left_out else ""
    client.command(f"RESTORE DATABASE {made.name} AS {name} {but} FROM {BACKUP}", settings=SESSION)


def _create(client: Client, made: Made, name: str, left_out: Collection[str]) -> None:
    client.command(f"CREATE DATABASE {name}")
    for sql in (sql for each, sql in made.tables.items() if each not in left_out):
        client.command(statements.render(sql, name), use_database=False)
    for table, rows in made.rows.items():  # before the views, which would write a second time
        client.insert(f"{name}.{table}", rows)
    for sql in (sql for each, sql in made.views.items() if each not in left_out):
        client.command(statements.render(sql, name), use_database=False)


def _read(settings: Settings) -> Made:
    """The last lock too: with its log it says that nobody migrates."""
    name = settings.clickhouse_database
    client = connect_sync(settings, database=False)
    try:
        _back_up(client, name)
        creations = {NAME.findall(sql)[0]: sql for sql in statements.split(structure.dump(client, name))}
        tables = {each: sql for each, sql in creations.items() if sql.startswith("CREATE TABLE")}
        views = {each: sql for each, sql in creations.items() if each not in tables}
        tables[f"{lock.PREFIX}1"] = f"CREATE TABLE {{database}}.{lock.PREFIX}1 (`owner` String) ENGINE = Null"
        written = "SELECT name FROM system.tables WHERE database = {name:String} AND total_rows > 0"
        rows = {
            str(table): client.query(f"SELECT * FROM {name}.{table}").result_rows
            for (table,) in client.query(written, parameters={"name": name}).result_rows
        }
        return Made(settings.clickhouse_url, name, tables, rows, views)
    finally:
        client.close()
