"""The files of the archive that have had their time, or will have had it: which, and on what day."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from clickhouse import legal
from clickhouse.archive import manifest
from clickhouse.archive.manifest import Manifest
from clickhouse.archive.passing import Work
from clickhouse.archive.store import Store, opened
from clickhouse.legal import LegalHold
from clickhouse.retention import rules
from clickhouse.retention.due import Due, Step
from clickhouse.retention.partitions import Partition
from clickhouse.retention.rules import Rules
from clickhouse.retention.ttl import Live

ENGINE = "MergeTree"
"""Of an archived table that may be gone by now; a raw table's class is found by its name."""


def ending(store: Store, policy: Rules, holds: Sequence[LegalHold], until: date) -> Iterator[tuple[Manifest, Due]]:
    """The runs whose class keeps them no longer on this day, with the step and the legal holds that forbid it.

    Raises ConfigurationError for a manifest that cannot be read, SinkUnavailable.
    """
    for each in manifest.manifests(store):
        day, kind = date.fromisoformat(each.day), policy.of(each.table, ENGINE)
        if kind.archive is None or (on := day + timedelta(days=kind.archive)) > until:
            continue
        held = tuple(str(hold) for hold in holds if hold.covers(each.table, day, day))
        table = Live(each.table, ENGINE, None, "", "")
        rows = Partition(table, each.day, "", day, day, each.rows, each.bytes, 0)
        yield each, Due(Step.REMOVE, kind.name, rows, on, held, files=each.folder)


def planned(work: Work, due: Sequence[Due], until: date) -> list[Due]:
    """The files that go up to this day: those that are there, and those that days still in ClickHouse will make.

    `due`: what is due up to this day in ClickHouse. Nothing without an archive. Raises as `ending` does.
    """
    if work.settings.archive_url is None:
        return []
    policy, holds = rules.load(work.settings), legal.active(work.client, work.database)
    store = opened(work.settings)
    there = {(each.table, each.day) for each in manifest.manifests(store)}
    coming = [
        each
        for each in due
        if each.step is Step.ARCHIVE and (each.partition.table.name, each.partition.last_day.isoformat()) not in there
    ]
    return [
        *(step for _, step in ending(store, policy, holds, until)),
        *(step for each in coming for step in _of_day(each, policy, until)),
    ]


def _of_day(archived: Due, policy: Rules, until: date) -> Iterator[Due]:
    """The end of the files that a day will be written to."""
    day, table = archived.partition.last_day, archived.partition.table
    kind = policy.of(table.name, table.engine)
    if kind.archive is not None and (on := day + timedelta(days=kind.archive)) <= until:
        folder = manifest.folder(table.name, day.isoformat())
        yield Due(Step.REMOVE, kind.name, archived.partition, on, archived.holds, files=folder)
