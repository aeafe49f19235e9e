"""Take a backup of ClickHouse in the middle of the stream: held for the moment of a clone, written at leisure."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.backup.folder import CLICKHOUSE, Told
from clickhouse.backup.manifest import ClickHouse, Table
from clickhouse.client import classify
from clickhouse.feeds import rows
from clickhouse.policy import PASSING
from clickhouse.quiet import Patience, quiet
from streams.errors import ConfigurationError, MillraceError

CLONE = f"{PASSING}backup_"
"""What the name of a clone begins with."""
POLL_SECONDS = 0.5

TABLES = """
SELECT name, engine, create_table_query FROM system.tables WHERE database = {database:String}
AND NOT startsWith(name, {passing:String}) AND NOT startsWith(name, 'scratch_') AND NOT startsWith(name, '.')
ORDER BY name
"""
PARTS = """
SELECT table, sum(rows), sum(bytes_on_disk), hex(sipHash128(arraySort(groupArray(hash_of_all_files))))
FROM system.parts WHERE database = {database:String} AND active GROUP BY table
"""
WRITTEN = """
SELECT (SELECT count() FROM events_raw), (SELECT count() FROM events), (SELECT count() FROM dead_letters),
    (SELECT groupArray((shard, relation, newest)) FROM
        (SELECT shard, relation, max(intent) AS newest FROM delivered GROUP BY ALL ORDER BY shard, relation))
"""


class BackupFailed(MillraceError):
    """The backup does not count: somebody wrote or changed tables while it was taken, or ClickHouse could not write."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a backup is written, or read from."""

    folder: Path
    """Of all backups."""
    id: str
    base: str | None = None

    def sql(self, id_: str | None = None) -> str:
        """The destination as BACKUP and RESTORE name it."""
        path = str(self.folder / (id_ or self.id) / CLICKHOUSE)
        escaped = path.replace("\\", "\\\\").replace("'", "\\'")
        return f"File('{escaped}')"


async def take(client: AsyncClient, database: str, place: Place, patience: Patience, told: Told) -> ClickHouse:
    """Take the steps 1 to 3. Raises BackupFailed, ConfigurationError, and as `classify` does.

    The shards are held until they have closed and each table is cloned, and go on while the clones are written.
    """
    found = [(str(name), str(engine), str(sql)) for name, engine, sql in await _tables(client, database)]
    hold = f"backup-{place.id}"
    clones = {name: f"{CLONE}{name}" for name, engine, _ in found if engine.endswith("MergeTree")}
    await drop_clones(client, database)
    try:
        held_at = time.monotonic()
        async with quiet(client, hold, "a backup is taken, or one was restored", patience, told):  # 1
            before = await rows(client, WRITTEN, {})
            for name, clone in clones.items():  # 2
                await client.command(f"CREATE TABLE {database}.{clone} CLONE AS {database}.{name}")
                # Merges would go on in the clone, and with them rows would change that are being copied.
                await client.command(f"SYSTEM STOP MERGES {database}.{clone}")
            shards = await rows(client, "SELECT toString(shard), max(intent) FROM delivered GROUP BY shard", {})
            if await rows(client, WRITTEN, {}) != before:
                raise BackupFailed("a worker wrote although the shards were held; nothing is kept, take it again")
        held = time.monotonic() - held_at
        parts = {table: facts for table, *facts in await rows(client, PARTS, {"database": database})}
        tables = [Table(name, engine, *parts.get(clones.get(name, ""), ())) for name, engine, _ in found]
        await _write(client, database, place, found, clones, told)  # 3
        if [tuple(each) for each in await _tables(client, database)] != found:
            raise BackupFailed("a table was created, changed or dropped meanwhile; nothing is kept, take it again")
        [(version,)] = await rows(client, "SELECT version()", {})
        return ClickHouse(database, str(version), hold, round(held, 2), {k: int(v) for k, v in shards}, tables)
    except MillraceError:
        raise
    except Exception as error:
        raise classify(error) from error
    finally:
        await drop_clones(client, database)


async def drop_clones(client: AsyncClient, database: str) -> None:
    """Remove the clones, of a killed backup too. Raises as `classify` does."""
    sql = "SELECT name FROM system.tables WHERE database = {database:String} AND startsWith(name, {clone:String})"
    for (name,) in await rows(client, sql, {"database": database, "clone": CLONE}):
        await client.command(f"DROP TABLE IF EXISTS {database}.{name} SYNC")


async def _tables(client: AsyncClient, database: str) -> list[tuple[str, str, str]]:
    found = await rows(client, TABLES, {"database": database, "passing": PASSING})
    return [(str(name), str(engine), str(sql)) for name, engine, sql in found]


async def _write(
    client: AsyncClient,
    database: str,
    place: Place,
    found: list[tuple[str, str, str]],
    clones: dict[str, str],
    told: Told,
) -> None:
    elements = [
        f"TABLE {database}.{clones[name]} AS {database}.{name}" if name in clones else f"TABLE {database}.{name}"
        for name, _, _ in found
    ]
    base = f", base_backup = {place.sql(place.base)}" if place.base else ""
    job = f"{database}-{place.id}"
    statement = f"BACKUP {', '.join(elements)} TO {place.sql()} SETTINGS id = '{job}'{base} ASYNC"
    try:
        await client.command(statement)
    except Exception as error:
        raise _refused(classify(error), place) from error
    await finished(client, job, told, place)


async def finished(client: AsyncClient, job: str, told: Told, place: Place) -> None:
    """Wait for a BACKUP or RESTORE that runs in the server. Raises BackupFailed with the server's words."""
    sql = "SELECT status, error, num_files, total_size FROM system.backups WHERE id = {id:String}"
    while True:
        found = await rows(client, sql, {"id": job})
        if not found:
            raise BackupFailed(f"ClickHouse no longer knows of {job}: it was restarted meanwhile; take it again")
        status, error, files, size = found[0]
        if status in ("BACKUP_CREATED", "RESTORED"):
            return
        if "FAILED" in status or "CANCELLED" in status:
            raise _refused(BackupFailed(f"ClickHouse gave {job} up: {str(error).partition(', Stack')[0]}"), place)
        told(f"{files:,} files, {size / 1e6:,.0f} MB")
        await asyncio.sleep(POLL_SECONDS)


def _refused(error: MillraceError, place: Place) -> MillraceError:
    """The server's words, with what to do about the place where it may not write."""
    if "allowed" not in str(error):
        return error
    return ConfigurationError(
        f"ClickHouse may not use {place.folder}: {error}. Name the folder in <backups><allowed_path> of the server's "
        "configuration (deploy/clickhouse/config.d/storage.xml), or set BACKUP_FOLDER to one that is named there"
    )
