"""What ClickHouse has done by itself since the last run: partitions that lie on the cold tier now, or are gone.

A TTL tells nobody. So each run holds the partitions that stand there to those that the log knows to have stood there:
one is known once it lies on the cold tier, and, where there is no such tier, days before it is due to go.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from clickhouse.archive.passing import Work
from clickhouse.policy import create_queries
from clickhouse.retention import due, rules, ttl
from clickhouse.retention.due import Step
from clickhouse.retention.ledger import Action, Entry, Ledger, Standing
from clickhouse.retention.partitions import Partition, days, partitions
from clickhouse.retention.rules import MARGIN_DAYS, Rules

SOON_DAYS = 7
"""So many days before its end a partition is noted: a run may be missed."""

BY_TTL = "by its TTL"
TOO_EARLY = "before its time: its rows were erased, or it was dropped by hand"
NO_TABLE = "with its table"


def note(work: Work, ledger: Ledger) -> None:
    """Write a line for each partition that went cold, is about to go, or has gone since the last run.

    Raises ClickHouse's errors, and ConfigurationError for a policy that cannot be read.
    """
    here = {(each.table.name, each.name): each for each in partitions(work.client, work.settings)}
    known = ledger.standing()
    ledger.write_all([*_cold(here, known), *_ending(work, here, known), *_gone(work, here, known)])


Key = tuple[str, str]
"""Table and partition."""


def _cold(here: Mapping[Key, Partition], known: Mapping[Key, Standing]) -> Iterator[Entry]:
    for key, each in here.items():
        if _is_cold(each) and not (key in known and known[key].is_cold):
            yield Entry(Action.COLD, *key, each.rows, each.bytes)


def _ending(work: Work, here: Mapping[Key, Partition], known: Mapping[Key, Standing]) -> Iterator[Entry]:
    soon = work.today() + timedelta(days=SOON_DAYS)
    for step in due.due(list(here.values()), rules.load(work.settings), work.settings, (), soon):
        each = step.partition
        key = (each.table.name, each.name)
        if step.step is Step.EXPIRE and key not in known and not _is_cold(each):
            yield Entry(Action.ENDING, *key, each.rows, each.bytes, detail=f"due on {step.on}")


def _gone(work: Work, here: Mapping[Key, Partition], known: Mapping[Key, Standing]) -> Iterator[Entry]:
    live = {table.name: table for table in ttl.tables(create_queries(work.client, work.database))}
    policy, today = rules.load(work.settings), work.today()
    for key, was in known.items():
        if key not in here:
            table = live.get(key[0])
            why = NO_TABLE if table is None else BY_TTL if _is_over(table, key[1], policy, today) else TOO_EARLY
            yield Entry(Action.GONE, *key, was.rows, was.bytes, detail=why)


def _is_cold(each: Partition) -> bool:
    return 0 < each.bytes <= each.cold_bytes


def _is_over(table: ttl.Live, partition: str, policy: Rules, today: date) -> bool:
    """Whether the last row of a partition has reached the end of its class."""
    end, span = policy.of(table.name, table.engine).end, days(table.function, partition)
    return end is not None and span is not None and span[1] + timedelta(days=end + MARGIN_DAYS) <= today
