"""Bring an archived day back into its table, through a table beside it, so that no view is fed a second time."""

from datetime import date, timedelta

from clickhouse.archive import files, manifest
from clickhouse.archive.day import Archive
from clickhouse.archive.passing import made, staging
from clickhouse.archive.rowhash import Content, content, row_hash
from clickhouse.retention.ledger import Action
from clickhouse.retention.partitions import qualified
from streams.errors import ConfigurationError


def restore(archive: Archive, table: str, day: date, keep_days: int) -> Content:
    """Attach the day's rows to the table; returns what came back, which is what the manifests say.

    The archive job leaves the day alone for `keep_days`. Raises ConfigurationError if the archive has no such day, or
    the table has rows of it already; ArchiveDamaged; ClickHouse's errors.
    """
    work, name = archive.work, day.isoformat()
    runs = manifest.manifests(archive.store, table, name)
    if not runs:
        raise ConfigurationError(
            f"{archive.store.url} has no {table} of {name}; `millrace archive list` shows what there is"
        )
    columns = list(work.columns(table))
    if not columns:
        raise ConfigurationError(f"there is no table {table} in database {work.database} to bring rows back into")
    for each in runs:
        files.known_columns(each, columns)
    with made(work, table, staging(table)) as back:
        for each in runs:
            files.read(work, archive.store, each, back)
        _refuse_present(archive, table, name, back, columns)
        expected = manifest.total(runs)
        until = (work.today() + timedelta(days=keep_days)).isoformat()
        # Before the rows are there: a day that an archive run does not know to be brought back would be dropped again.
        archive.ledger.write(Action.RESTORE, table, name, expected.rows, 0, expected.hash, until)
        for identity in work.partition_ids(back):
            work.execute(f"ALTER TABLE {work.table(table)} ATTACH PARTITION ID '{identity}' FROM {work.table(back)}")
        return content(work.client, work.table(back), columns)


def _refuse_present(archive: Archive, table: str, day: str, back: str, columns: list[str]) -> None:
    work = archive.work
    hashed, ids = row_hash(columns), ", ".join(f"'{identity}'" for identity in work.partition_ids(back))
    there = work.one(
        f"SELECT count() FROM {qualified(work.database, table)} WHERE _partition_id IN ({ids}) "
        f"AND {hashed} IN (SELECT {hashed} FROM {work.table(back)})"
    )
    if there:
        raise ConfigurationError(
            f"{table} has {there} rows of {day} already that the archive has too: it was restored before, or never "
            "dropped. To have the day once, run `millrace archive run`, which drops what is archived"
        )
