"""What the policy does to each partition, and on which day: the answer to `--dry-run`, and the job's list of work."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from clickhouse.legal import LegalHold
from clickhouse.retention.partitions import Partition
from clickhouse.retention.rules import MARGIN_DAYS, Rules
from clickhouse.retention.ttl import is_dropped_by_job, is_kept
from streams.settings import Settings


class Step(StrEnum):
    """What happens to a partition."""

    MOVE = "move to cold"
    """By ClickHouse itself."""
    COARSEN = "coarsen"
    """By the job: columns lose their values."""
    ARCHIVE = "archive and drop"
    """By the job: to files, read back, then dropped."""
    EXPIRE = "drop"
    """By ClickHouse itself; by the job in a table that a legal hold touches elsewhere."""
    REMOVE = "remove files"
    """By the archive job: files of the archive that have had their time; see clickhouse/archive/expiry.py."""


@dataclass(frozen=True, slots=True)
class Due:
    """One step of one partition, or of the files that it was written to."""

    step: Step
    kind: str
    """The class of data."""
    partition: Partition
    on: date
    """The first day on which it is due."""
    holds: tuple[str, ...] = ()
    """Legal holds that forbid it."""
    columns: tuple[str, ...] = ()
    """Of a step that makes coarser."""
    files: str = ""
    """Folder in the archive, of a step that removes files."""


def due(
    partitions: Sequence[Partition], rules: Rules, settings: Settings, holds: Sequence[LegalHold], until: date
) -> list[Due]:
    """What is due up to this day, in the order of the days."""
    found = [each for partition in partitions for each in _steps(partition, rules, settings) if each.on <= until]
    return sorted((_held(each, holds) for each in found), key=lambda each: (each.on, each.partition.table.name))


def _steps(partition: Partition, rules: Rules, settings: Settings) -> Iterator[Due]:
    table = partition.table
    kind = rules.of(table.name, table.engine)
    for after, columns in rules.coarse(table.name):
        yield Due(Step.COARSEN, kind.name, partition, _on(partition, after), columns=columns)
    if is_kept(kind, table):
        return
    tiered = kind.has_cold and kind.hot is not None and settings.clickhouse_storage_policy
    if tiered and kind.hot is not None and partition.cold_bytes < partition.bytes:
        yield Due(Step.MOVE, kind.name, partition, _on(partition, kind.hot))
    if kind.end is not None:
        step = Step.ARCHIVE if is_dropped_by_job(kind, settings) else Step.EXPIRE
        yield Due(step, kind.name, partition, _on(partition, kind.end + MARGIN_DAYS))


def _on(partition: Partition, days: int) -> date:
    """The day on which the last row of a partition has this age. A TTL counts from the day's first moment."""
    return partition.last_day + timedelta(days=days)


def _held(each: Due, holds: Sequence[LegalHold]) -> Due:
    if each.step is Step.MOVE:
        return each  # a row on another disk is still the same row
    partition = each.partition
    names = tuple(
        str(hold) for hold in holds if hold.covers(partition.table.name, partition.first_day, partition.last_day)
    )
    return Due(each.step, each.kind, partition, each.on, names, each.columns)
