"""Tables that a job makes and drops again: one takes rows read back from files, one holds a day moved aside."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

from clickhouse_connect.driver.client import Client

from clickhouse.client import FRESH
from clickhouse.cluster import beside
from clickhouse.lock import Lock
from clickhouse.policy import PASSING
from clickhouse.retention.partitions import qualified
from clickhouse.shards import catch_up
from streams.settings import Settings

MAINTENANCE_SECONDS = 3600.0
"""Longest wait for one statement of a job, which may rewrite a day."""


@dataclass(frozen=True)
class Work:
    """What archive, restore and erasure work with, under the lock."""

    client: Client
    settings: Settings
    lock: Lock

    @property
    def database(self) -> str:
        """The one database of the product."""
        return self.settings.clickhouse_database

    def table(self, name: str) -> str:
        """A table with its database, as SQL."""
        return qualified(self.database, name)

    def execute(self, sql: str, **settings: Any) -> None:
        """Change something, unless another process has taken the lock over."""
        self.lock.execute(sql, settings)

    def catch_up(self, *tables: str) -> None:
        """In a cluster: wait until this replica has every row of these tables, or of all, that any had committed."""
        if self.settings.clickhouse_cluster:
            catch_up(self.client, *tables)

    def one(self, sql: str, **given: Any) -> Any:
        """The first column of the first row."""
        return self.client.query(sql, parameters=given).result_rows[0][0]

    def columns(self, table: str) -> dict[str, str]:
        """Names and types of the columns that a table stores."""
        rows = self.client.query(
            "SELECT name, type FROM system.columns WHERE database = {database:String} AND table = {table:String} "
            "AND default_kind IN ('', 'DEFAULT') ORDER BY position",
            parameters={"database": self.database, "table": table},
        ).result_rows
        return {str(name): str(kind) for name, kind in rows}

    def names(self, prefix: str) -> list[str]:
        """Tables of this prefix."""
        rows = self.client.query(
            "SELECT name FROM system.tables WHERE database = {database:String} AND startsWith(name, {prefix:String})",
            parameters={"database": self.database, "prefix": prefix},
        ).result_rows
        return [str(name) for (name,) in rows]

    def partition_ids(self, table: str) -> list[str]:
        """The partitions that a table has."""
        rows = self.client.query(
            "SELECT DISTINCT partition_id FROM system.parts WHERE database = {database:String} "
            "AND table = {table:String} AND active AND rows > 0",
            parameters={"database": self.database, "table": table},
        ).result_rows
        return [str(identity) for (identity,) in rows]

    def today(self) -> date:
        """The day by ClickHouse's clock, in UTC."""
        found: date = self.one("SELECT toDate(now('UTC'))")
        return found


def aside(table: str) -> str:
    """The table that a day of this table is moved to before it is dropped."""
    return f"{PASSING}aside_{table}"


def staging(table: str) -> str:
    """The table that rows of this table are read back into."""
    return f"{PASSING}staging_{table}"


@contextmanager
def made(work: Work, table: str, name: str) -> Iterator[str]:
    """An empty table like another one, without what would refuse or drop old rows; gone after the block."""
    work.execute(f"DROP TABLE IF EXISTS {work.table(name)} SYNC")
    try:
        make(work, table, name)
        yield name
    finally:
        work.client.command(f"DROP TABLE IF EXISTS {work.table(name)} SYNC")


def make(work: Work, table: str, name: str) -> None:
    """Create a table like another one, unless it is there; without a TTL and without the constraint `fresh`.

    In a cluster its rows are on this node alone. Parts of it may be attached to the other one all the same.
    """
    create = work.one(
        "SELECT create_table_query FROM system.tables WHERE database = {database:String} AND name = {table:String}",
        database=work.database,
        table=table,
    )
    work.execute(beside(str(create), name).replace("CREATE TABLE ", "CREATE TABLE IF NOT EXISTS ", 1))
    work.execute(f"ALTER TABLE {work.table(name)} DROP CONSTRAINT IF EXISTS {FRESH}")
    sql = str(work.one(f"SHOW CREATE TABLE {work.table(name)}"))
    if "\nTTL " in sql:
        work.execute(f"ALTER TABLE {work.table(name)} REMOVE TTL")


def move(work: Work, source: str, target: str, partition_id: str) -> None:
    """Move a partition to another table of the same form, at once; no view sees it."""
    work.execute(f"ALTER TABLE {work.table(source)} MOVE PARTITION ID '{partition_id}' TO TABLE {work.table(target)}")


def drop(work: Work, table: str, partition_id: str) -> None:
    """Drop a partition, however large."""
    work.execute(f"ALTER TABLE {work.table(table)} DROP PARTITION ID '{partition_id}'", max_partition_size_to_drop=0)


def bring_back(work: Work) -> list[str]:
    """Put what a killed job left aside back where it was, before anything else is done; returns the tables."""
    found = work.names(aside(""))
    for name in found:
        table = name.removeprefix(aside(""))
        for identity in work.partition_ids(name):
            move(work, name, table, identity)
        work.execute(f"DROP TABLE {work.table(name)} SYNC")
    for name in work.names(staging("")):
        work.execute(f"DROP TABLE {work.table(name)} SYNC")
    return [name.removeprefix(aside("")) for name in found]
