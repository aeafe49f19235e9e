"""Archive one day of one table: written, read back, moved aside, looked at once more, and only then dropped.

1. Read back the runs that the archive has of the day: rows that were archived already are not written again.
2. Write the other rows into files of a new run, and its manifest last.
3. Read these files back into a table of ClickHouse. Bytes, rows and hash must be those that were written.
4. Look at the legal holds again.
5. Move the day aside, out of the table, at once. A row that comes later makes a day of its own, for the next run.
6. Every row aside must have been read back; else the day is moved back, and nothing was done.
7. Drop what is aside.

In a cluster each ClickHouse shard does this with the rows that it has, on one replica that has caught up. No table is
moved aside there, for aside a row would be on that replica alone. Instead of 5 to 7 the parts of the day are noted,
their rows must have been read back, and exactly these parts are dropped: a row that comes later is in another one.

A process that is killed anywhere leaves files without a manifest, which are removed; or a day aside, which is put back;
or a whole run, whose rows are not written again. What is dropped was read from the archive moments before, each time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from clickhouse import legal
from clickhouse.archive import files, manifest
from clickhouse.archive.manifest import Manifest
from clickhouse.archive.passing import Work, aside, drop, made, make, move, staging
from clickhouse.archive.rowhash import NOTHING, Content, content, row_hash
from clickhouse.archive.share import COLUMN, WHOLE, Share, drop_parts, in_parts, parts_of
from clickhouse.archive.store import Store
from clickhouse.persons import columns as person_columns
from clickhouse.persons import conditions
from clickhouse.retention.ledger import Action, Ledger
from clickhouse.retention.partitions import Partition, in_partition
from streams.errors import ConfigurationError
from streams.version import VERSION

Watch = Callable[[str], None]
"""Called with the name of each step before it is done; what it raises ends the job there."""


class DayHeld(ConfigurationError):
    """A legal hold forbids to drop the day."""


@dataclass(frozen=True)
class Archive:
    """What archiving works with."""

    work: Work
    store: Store
    ledger: Ledger
    watch: Watch = lambda step: None
    share: Share = WHOLE
    """Of the archive's rows those that are of this work's ClickHouse shard."""


def archive(archive: Archive, partition: Partition) -> Content:
    """Take the steps above for one day; returns what left ClickHouse.

    Raises DayHeld, ArchiveDamaged, SinkUnavailable, LockLost and ClickHouse's errors; in all cases no row is lost.
    """
    work, table, day = archive.work, partition.table.name, partition.first_day.isoformat()
    refuse_held(work, partition)
    manifest.clean(archive.store, archive.ledger.archived(), table, day)
    before = [each for each in manifest.manifests(archive.store, table, day) if archive.share.has(each)]
    columns = work.columns(table)
    for each in before:
        files.known_columns(each, list(columns))
    with made(work, table, staging(table)) as back:
        archive.watch("read back what is there")  # 1
        for each in before:
            files.read(work, archive.store, each, back)
        new = _write(archive, partition, back, bool(before), columns)  # 2
        if new is not None:
            archive.watch("read back")  # 3
            new = manifest.load(archive.store, table, day, new.run)
            files.read(work, archive.store, new, back)
            archive.ledger.write(Action.VERIFY, table, day, new.rows, new.bytes, new.hash, new.folder)
        archive.watch("look at the holds")  # 4
        refuse_held(work, partition)
        leave = _drop_parts if work.settings.clickhouse_cluster else _drop
        return leave(archive, partition, back, new if not before else None, list(columns))


def refuse_held(work: Work, partition: Partition) -> None:
    """Raise DayHeld if a legal hold that is in force covers rows of the partition."""
    work.catch_up("legal_holds")
    holds = [
        hold
        for hold in legal.active(work.client, work.database)
        if hold.covers(partition.table.name, partition.first_day, partition.last_day)
        and (not hold.person or _has_person(work, partition, hold.person))
    ]
    if holds:
        raise DayHeld(f"{partition.table.name} {partition.name} is kept by {', '.join(map(str, holds))}")


def _has_person(work: Work, partition: Partition, person: str) -> bool:
    condition = conditions(person_columns(work.client, work.database), ()).get(partition.table.name)
    if condition is None:
        return False
    sql = f"SELECT count() FROM {work.table(partition.table.name)} WHERE {in_partition(partition)} AND ({condition})"
    return bool(work.one(sql, person=person))


def _write(
    archive: Archive, partition: Partition, back: str, has_runs: bool, columns: dict[str, str]
) -> Manifest | None:
    """Write the rows of the day that no run has; None if there are none."""
    work, table, day = archive.work, partition.table.name, partition.first_day.isoformat()
    names, source = list(columns), work.table(table)
    where = in_partition(partition)
    if has_runs:
        where += f" AND {row_hash(names)} NOT IN (SELECT {row_hash(names)} FROM {work.table(back)})"
    archive.watch("write files")
    expected = content(work.client, source, names, where)
    if not expected.rows:
        return None
    run = manifest.next_run(archive.store, table, day)
    written = files.write(work, archive.store, manifest.folder(table, day, run), source, names, where)
    archive.watch("write the manifest")
    made = described(work, table, day, run, written, expected, columns, (source, where, partition.table.column or ""))
    manifest.save(archive.store, made)
    archive.ledger.write(Action.ARCHIVE, table, day, made.rows, made.bytes, made.hash, made.folder)
    return made


def described(
    work: Work,
    table: str,
    day: str,
    run: int,
    written: Sequence[manifest.File],
    expected: Content,
    columns: dict[str, str],
    source: tuple[str, str, str],
    given: dict[str, Any] | None = None,
    **more: Any,
) -> Manifest:
    """The manifest of files; `source` is the qualified table, the condition and the column of the day."""
    qualified, where, column = source
    shards = f"arraySort(groupUniqArray({COLUMN}))" if COLUMN in columns else "NULL"
    sql = f"SELECT min({column}), max({column}), {shards} FROM {qualified} WHERE {where}"
    [(least, most, shards_there)] = work.client.query(sql, parameters=given).result_rows
    return Manifest(
        table=table,
        day=day,
        run=run,
        files=list(written),
        rows=expected.rows,
        hash=expected.hash,
        columns=list(columns),
        types=list(columns.values()),
        min_time=_utc(least) if expected.rows else None,
        max_time=_utc(most) if expected.rows else None,
        written_at=datetime.now(UTC),
        product=VERSION,
        clickhouse=str(work.one("SELECT version()")),
        shards=list(map(int, shards_there)) if shards_there is not None else None,
        **more,
    )


def _drop(archive: Archive, partition: Partition, back: str, alone: Manifest | None, names: list[str]) -> Content:
    """Steps 5 to 7. `alone`: the one run of the day, whose content must be that of the day."""
    work, table, day = archive.work, partition.table.name, partition.first_day.isoformat()
    beside = aside(table)
    make(work, table, beside)
    archive.watch("move aside")  # 5
    move(work, table, beside, partition.id)
    archive.watch("compare")  # 6
    there = content(work.client, work.table(beside), names)
    if not _all_archived(work, beside, "1", back, alone, there, names):
        move(work, beside, table, partition.id)
        work.execute(f"DROP TABLE {work.table(beside)} SYNC")
        archive.ledger.write(Action.REFUSED, table, day, there.rows, 0, there.hash, "rows came while it was archived")
        return NOTHING
    archive.watch("drop")  # 7
    drop(work, beside, partition.id)
    archive.ledger.write(Action.DROP, table, day, there.rows, partition.bytes, there.hash, "read back before")
    work.execute(f"DROP TABLE {work.table(beside)} SYNC")
    return there


def _drop_parts(archive: Archive, partition: Partition, back: str, alone: Manifest | None, names: list[str]) -> Content:
    """The same in a cluster, by parts. Raises as `_drop` does, and ClickHouse's error where a part was merged."""
    work, table, day = archive.work, partition.table.name, partition.first_day.isoformat()
    archive.watch("compare")
    parts = parts_of(work, table, partition.id)
    there = content(work.client, work.table(table), names, in_parts(parts))
    if not _all_archived(work, table, in_parts(parts), back, alone, there, names):
        archive.ledger.write(Action.REFUSED, table, day, there.rows, 0, there.hash, "rows came while it was archived")
        return NOTHING
    archive.watch("drop")
    drop_parts(work, table, parts)
    archive.ledger.write(Action.DROP, table, day, there.rows, partition.bytes, there.hash, "read back before")
    return there


def _all_archived(
    work: Work, table: str, where: str, back: str, alone: Manifest | None, there: Content, names: list[str]
) -> bool:
    if alone is not None:
        return there == alone.content
    hashed = row_hash(names)
    return not work.one(
        f"SELECT count() FROM {work.table(table)} "
        f"WHERE {where} AND {hashed} NOT IN (SELECT {hashed} FROM {work.table(back)})"
    )


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
