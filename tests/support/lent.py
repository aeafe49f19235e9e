"""Databases with all tables that one test after the other has, emptied in between: a third of the work of new ones."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from clickhouse.client import connect_sync
from streams.settings import Settings
from tests.support.tables import migrated

TABLES = """
    SELECT name, create_table_query, if(engine LIKE '%MergeTree', ifNull(total_rows, 0), 0)
    FROM system.tables WHERE database = {database:String}
"""
MUTATIONS = "SELECT count() FROM system.mutations WHERE database = {database:String}"
"""A table that these have emptied still remembers its tokens, and one that is stuck stays so."""

Content = dict[str, tuple[str, int]]
"""How each table and view is created, and its rows."""


@dataclass(frozen=True)
class _Own:
    """A database and how it was made."""

    name: str
    content: Content


class Databases:
    """Lends databases of a session's server."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._idle: dict[bool, list[_Own]] = {True: [], False: []}
        self._client = connect_sync(settings, database=False)

    @contextmanager
    def lent(self, *, rollups: bool = True) -> Iterator[Settings]:
        """Settings whose database has all tables, with or without the rollups, and no rows but those of migrations."""
        idle = self._idle[rollups]
        own = idle.pop() if idle else self._made(rollups)
        # Tokens of rows that were moved away are remembered: each test is a group of workers of its own.
        group = {"kafka_group": f"test_{secrets.token_hex(6)}", "clickhouse_database": own.name}
        # The stack's folder of backups has a list of erased persons, which no test may share with others.
        yield self._settings.model_copy(update=group | {"backup_folder": None})
        if _emptied(self._client, own):
            idle.append(own)
        else:
            self._drop(own)

    def close(self) -> None:
        """Leave nothing on the server."""
        for own in [*self._idle[True], *self._idle[False]]:
            self._drop(own)
        self._client.close()

    def _made(self, rollups: bool) -> _Own:
        name = f"test_{secrets.token_hex(6)}"
        migrated(self._settings.model_copy(update={"clickhouse_database": name}), rollups=rollups)
        return _Own(name, _content(self._client, name))

    def _drop(self, own: _Own) -> None:
        self._client.command(f"DROP DATABASE IF EXISTS {own.name} SYNC")


def _content(client: Client, name: str) -> Content:
    rows = client.query(TABLES, parameters={"database": name}).result_rows
    return {str(table): (str(sql), int(count)) for table, sql, count in rows}


def _emptied(client: Client, own: _Own) -> bool:
    """Whether the database is as it was made, once what was added is gone: tables, and rows of empty ones.

    It is not where a table was changed or dropped, where one that had rows has others, or after a mutation.
    """
    found = _content(client, own.name)
    added = [table for table in found if table not in own.content]
    filled = [table for table, (_, count) in own.content.items() if not count and found.get(table, ("", 0))[1]]
    kept = {table: (sql, 0 if table in filled else count) for table, (sql, count) in found.items()}
    if {table: kept[table] for table in kept if table not in added} != own.content:
        return False
    if client.query(MUTATIONS, parameters={"database": own.name}).result_rows != [(0,)]:
        return False
    client.command("SYSTEM START MERGES")  # a test may have stopped those of a table
    for table in added:
        client.command(f"DROP TABLE {own.name}.{table} SYNC")
    for table in filled:
        client.command(f"TRUNCATE TABLE {own.name}.{table}")
    return True
