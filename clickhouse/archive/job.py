"""The archive job: every day that is due, one after the other; and the files that have had their time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from clickhouse import legal
from clickhouse.archive import expiry, manifest
from clickhouse.archive.day import Archive, DayHeld, archive
from clickhouse.archive.passing import bring_back
from clickhouse.archive.rowhash import Content
from clickhouse.cluster import is_sharded
from clickhouse.policy import create_queries
from clickhouse.retention import due, rules
from clickhouse.retention.due import Due, Step
from clickhouse.retention.ledger import Action
from clickhouse.retention.partitions import partitions
from clickhouse.retention.rules import MARGIN_DAYS, Rules
from streams.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one day."""

    due: Due
    left: Content | None
    """What left ClickHouse; None if the day stays."""
    why: str = ""
    """Why it stays."""


def check_until(until: date, today: date, policy: Rules) -> None:
    """Refuse a day that may still receive rows, or is still to be at hand. Raises ConfigurationError."""
    ends = [kind.end for kind in policy.classes if kind.has_archive and kind.end is not None]
    latest = today - timedelta(days=min(ends, default=0) + MARGIN_DAYS)
    if until > latest:
        raise ConfigurationError(
            f"--until {until} is too late: days after {latest} are in cold storage, and may still receive events; to "
            "archive earlier, lower `cold` of the class and METRICS_COLD_DAYS"
        )


def due_days(work: Archive, until: date | None) -> list[Due]:
    """The days that the job would archive and drop now, oldest first. `until`: no day after this one."""
    inner = work.work
    policy, today = rules.load(inner.settings), inner.today()
    if until is not None:
        check_until(until, today, policy)
    holds = legal.active(inner.client, inner.database)
    found = due.due(partitions(inner.client, inner.settings), policy, inner.settings, holds, today)
    kept, created = work.ledger.restored(), create_queries(inner.client, inner.database)
    return [
        each
        for each in found
        if each.step is Step.ARCHIVE
        # A table that every node has whole is archived by the first shard.
        and (work.share.number == 0 or is_sharded(created[each.partition.table.name]))
        and (until is None or each.partition.last_day <= until)
        and kept.get((each.partition.table.name, each.partition.name), "") <= today.isoformat()
    ]


def run(work: Archive, until: date | None = None) -> Iterator[Outcome]:
    """Archive and drop what is due on one ClickHouse shard; then files that have had their time go.

    A day under a legal hold stays, and is told; the first error ends the job.
    """
    bring_back(work.work)
    for each in due_days(work, until):
        try:
            yield Outcome(each, archive(work, each.partition))
        except DayHeld as held:
            day = each.partition
            work.ledger.write(Action.REFUSED, day.table.name, day.name, day.rows, day.bytes, detail=str(held))
            yield Outcome(each, None, str(held))
    for gone in _outlived(work):
        # The log first: a folder that is half gone must not look like one that has lost its manifest.
        work.ledger.write(Action.FORGET_FILES, gone.table, gone.day, gone.rows, gone.bytes, gone.hash, gone.folder)
        work.store.remove(gone.folder)


def _outlived(work: Archive) -> Iterator[manifest.Manifest]:
    """The runs that are older than their class keeps files, and that no legal hold covers."""
    holds = legal.active(work.work.client, work.work.database)
    for each, step in expiry.ending(work.store, rules.load(work.work.settings), holds, work.work.today()):
        if not step.holds:
            yield each
