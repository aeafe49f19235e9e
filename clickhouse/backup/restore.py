"""Bring a backup back into an empty database, or into one beside it to see that it can be."""

from collections.abc import Sequence

from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.backup.folder import Told
from clickhouse.backup.manifest import ClickHouse, Manifest, Table
from clickhouse.backup.take import PARTS, BackupFailed, Place, finished
from clickhouse.client import classify
from clickhouse.feeds import rows
from clickhouse.holds import Holds
from clickhouse.policy import PASSING
from streams.errors import ConfigurationError, MillraceError

HOLDS = "holds"
VERIFY = "_verify"
"""What the name of the database ends with that a backup is restored into to see that it can be."""


async def refuse_used(client: AsyncClient, database: str, replace: bool) -> None:
    """Step 1: raise ConfigurationError if the database has tables and is not to be replaced."""
    sql = "SELECT count(), sum(total_rows) FROM system.tables WHERE database = {database:String}"
    [(tables, found)] = await rows(client, sql, {"database": database})
    if tables and not replace:
        raise ConfigurationError(
            f"database {database} has {tables} tables with {found or 0:,} rows; a backup is restored into an empty "
            "one. Set CLICKHOUSE_DATABASE to another, or add --replace, which drops this one first"
        )


async def restore(client: AsyncClient, database: str, manifest: Manifest, place: Place, told: Told) -> str:
    """Take the steps 2 and 3, into a database that `refuse_used` has let pass; returns the hold that is in force.

    A database of that name is dropped. Raises BackupFailed, and as `classify` does.
    """
    copy = _clickhouse(manifest)
    first = [table for table in copy.tables if table.name == HOLDS]
    rest = [table for table in copy.tables if table.name != HOLDS]
    try:
        await client.command(f"DROP DATABASE IF EXISTS {database} SYNC", use_database=False)
        await client.command(f"CREATE DATABASE {database}", use_database=False)
        # 2: beside it and then renamed, since a table is there before its rows are.
        beside = f"{PASSING}{HOLDS}"
        source = f"{copy.database}.{HOLDS}"
        await _run(client, f"TABLE {source} AS {database}.{beside}", place, f"{database}-holds-{place.id}", told)
        await client.command(f"RENAME TABLE {database}.{beside} TO {database}.{HOLDS}", use_database=False)
        assert first
        await _run(client, _elements(copy, rest, database), place, f"{database}-restore-{place.id}", told)  # 3
        await _check_rows(client, database, copy.tables)
    except MillraceError:
        raise
    except Exception as error:
        raise classify(error) from error
    return copy.hold


async def release(client: AsyncClient, hold: str) -> None:
    """Let the shards of a restored database go on. Raises as `classify` does."""
    await Holds(client).release(hold)


async def faults(client: AsyncClient, beside: str, manifest: Manifest, place: Place, told: Told) -> list[str]:
    """Restores the backup into a database `beside` the product's, and drops it; the tables that are not as they were.

    Every part must have the hash that it had when the backup was taken. Raises BackupFailed, and as `classify` does.
    """
    copy = _clickhouse(manifest)
    database, job = beside, f"{beside}-{place.id}"
    elements = _elements(copy, copy.tables, database)
    try:
        await client.command(f"DROP DATABASE IF EXISTS {database} SYNC", use_database=False)
        await client.command(f"CREATE DATABASE {database}", use_database=False)
        await _run(client, elements, place, f"{job}-tables", told, structure_only=1)
        for table in copy.tables:
            if table.engine.endswith("MergeTree"):
                await client.command(f"SYSTEM STOP MERGES {database}.{table.name}", use_database=False)
        await _run(client, elements, place, f"{job}-rows", told, allow_non_empty_tables=1)
        there = {table: (int(n), parts) for table, n, _, parts in await rows(client, PARTS, {"database": database})}
    except MillraceError:
        raise
    except Exception as error:
        raise classify(error) from error
    finally:
        await client.command(f"DROP DATABASE IF EXISTS {database} SYNC", use_database=False)
    return [
        f"{table.name} came back with {there.get(table.name, (0, ''))[0]} rows in other parts than its {table.rows}"
        for table in copy.tables
        if there.get(table.name, (0, "")) != (table.rows, table.parts)
    ]


def _clickhouse(manifest: Manifest) -> ClickHouse:
    if manifest.clickhouse is None:
        raise ConfigurationError(f"backup {manifest.id} has nothing of ClickHouse; it was taken with --only postgres")
    return manifest.clickhouse


def _elements(copy: ClickHouse, tables: Sequence[Table], database: str) -> str:
    return ", ".join(f"TABLE {copy.database}.{table.name} AS {database}.{table.name}" for table in tables)


async def _run(client: AsyncClient, elements: str, place: Place, job: str, told: Told, **settings: int) -> None:
    given = "".join(f", {name} = {value}" for name, value in settings.items())
    statement = f"RESTORE {elements} FROM {place.sql()} SETTINGS id = '{job}'{given} ASYNC"
    await client.command(statement, use_database=False)
    await finished(client, job, told, place)


async def _check_rows(client: AsyncClient, database: str, tables: Sequence[Table]) -> None:
    """Raise BackupFailed if a table has other rows than it had; one that merges rows may have fewer by now."""
    there = {table: int(n) for table, n, *_ in await rows(client, PARTS, {"database": database})}
    wrong = [
        f"{table.name} ({there.get(table.name, 0)} instead of {table.rows})"
        for table in tables
        if table.engine == "MergeTree" and there.get(table.name, 0) != table.rows
    ]
    if wrong:
        raise BackupFailed(f"tables came back with other rows: {', '.join(wrong)}; restore another backup")
