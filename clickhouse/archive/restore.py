"""Bring an archived day back into its table, through a table beside it, so that no view is fed a second time."""

from collections.abc import Sequence
from datetime import date, timedelta

from clickhouse.archive import files, manifest
from clickhouse.archive.day import Archive
from clickhouse.archive.manifest import Manifest
from clickhouse.archive.passing import Work, made, staging
from clickhouse.archive.rowhash import NOTHING, Content, content, row_hash
from clickhouse.archive.share import leave_own
from clickhouse.retention.ledger import Action
from streams.errors import ConfigurationError


def restore(archives: Sequence[Archive], table: str, day: date, keep_days: int) -> Content:
    """Attach the day's rows to the table; returns what came back, which is what the manifests say.

    `archives`: on every ClickHouse shard, each of which takes the rows of its Kafka shards. The archive job leaves the
    day alone for `keep_days`. Raises ConfigurationError if the archive has no such day, or the table has rows of it
    already; ArchiveDamaged; ClickHouse's errors.
    """
    first, name = archives[0], day.isoformat()
    runs = manifest.manifests(first.store, table, name)
    if not runs:
        raise ConfigurationError(
            f"{first.store.url} has no {table} of {name}; `millrace archive list` shows what there is"
        )
    columns = list(first.work.columns(table))
    if not columns:
        raise ConfigurationError(f"there is no table {table} in database {first.work.database} to bring rows back into")
    for each in runs:
        files.known_columns(each, columns)
    came = NOTHING
    for archive in archives:
        own = [each for each in runs if archive.share.has(each)]
        came = came.with_(_restore(archive, table, name, columns, own, keep_days))
    if not came.rows:
        raise ConfigurationError(f"every shard has the rows of {table} of {name} already; nothing was restored")
    return came


def _restore(
    archive: Archive, table: str, day: str, columns: list[str], runs: Sequence[Manifest], keep_days: int
) -> Content:
    """What lies on one ClickHouse shard."""
    work = archive.work
    with made(work, table, staging(table)) as back:
        for each in runs:
            files.read(work, archive.store, each, back)
        leave_own(work, back, archive.share, columns)
        expected = content(work.client, work.table(back), columns)
        if not expected.rows:
            return NOTHING
        there = _present(work, table, back, columns)
        if there == expected.rows and archive.share.of > 1:
            return NOTHING  # by a call that was ended before it came to the next shard
        if there:
            raise ConfigurationError(
                f"{table} has {there} rows of {day} already that the archive has too: it was restored before, or never "
                "dropped. To have the day once, run `millrace archive run`, which drops what is archived"
            )
        until = (work.today() + timedelta(days=keep_days)).isoformat()
        # Before the rows are there: a day that an archive run does not know to be brought back would be dropped again.
        archive.ledger.write(Action.RESTORE, table, day, expected.rows, 0, expected.hash, until)
        for identity in work.partition_ids(back):
            work.execute(f"ALTER TABLE {work.table(table)} ATTACH PARTITION ID '{identity}' FROM {work.table(back)}")
        return expected


def _present(work: Work, table: str, back: str, columns: list[str]) -> int:
    """The rows of the table beside it that the table has already."""
    hashed, ids = row_hash(columns), ", ".join(f"'{identity}'" for identity in work.partition_ids(back))
    return int(
        work.one(
            f"SELECT count() FROM {work.table(table)} WHERE _partition_id IN ({ids}) "
            f"AND {hashed} IN (SELECT {hashed} FROM {work.table(back)})"
        )
    )
