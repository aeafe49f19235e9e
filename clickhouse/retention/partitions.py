"""The partitions of all tables: their days, rows, bytes, and where they lie."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from clickhouse_connect.driver.client import Client

from clickhouse.policy import create_queries
from clickhouse.retention import ttl
from clickhouse.retention.ttl import COLD, Live
from clickhouse.statements import render
from streams.settings import Settings

# A partition that was dropped or moved leaves an empty part for some minutes.
_PARTS = """
SELECT table, partition, any(partition_id), sum(rows), sum(bytes_on_disk),
    sumIf(bytes_on_disk, has({cold:Array(String)}, disk_name))
FROM system.parts WHERE database = {database:String} AND active AND rows > 0
GROUP BY table, partition ORDER BY table, partition
"""
_WEEKS, _MONTHS = ("toMonday", "toStartOfWeek"), ("toYYYYMM", "toStartOfMonth")


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition of a table whose partitions are days, weeks or months."""

    table: Live
    name: str
    """As ClickHouse shows it."""
    id: str
    first_day: date
    last_day: date
    rows: int
    bytes: int
    """On disk."""
    cold_bytes: int
    """Of these on the cold tier."""


def partitions(client: Client, settings: Settings) -> list[Partition]:
    """All that have a day, by table and partition. Raises ClickHouse's errors."""
    database = settings.clickhouse_database
    live = {table.name: table for table in ttl.tables(create_queries(client, database))}
    given = {"database": database, "cold": cold_disks(client, settings)}
    return list(_read(live, client.query(_PARTS, parameters=given).result_rows))


def cold_disks(client: Client, settings: Settings) -> list[str]:
    """The disks of the cold tier; none where there is no such tier."""
    rows = client.query(
        "SELECT arrayJoin(disks) FROM system.storage_policies "
        "WHERE policy_name = {policy:String} AND volume_name = {volume:String}",
        parameters={"policy": settings.clickhouse_storage_policy or "", "volume": COLD},
    ).result_rows
    return [str(disk) for (disk,) in rows]


def in_partition(partition: Partition) -> str:
    """The condition that a row lies in the partition, as SQL."""
    return f"_partition_id = '{partition.id}'"


def qualified(database: str, table: str) -> str:
    """A table with its database, as SQL. Raises ConfigurationError for a database that is no plain name."""
    return f"{render('{database}', database)}.`{table}`"


def days(function: str, name: str) -> tuple[date, date] | None:
    """First and last day of a partition that `function` names; None for one that is no date.

    >>> days("toYYYYMM", "202402")
    (datetime.date(2024, 2, 1), datetime.date(2024, 2, 29))
    """
    digits = re.sub(r"\D", "", name).ljust(8, "0")
    year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:8]) or 1
    try:
        first = date(year, month, day)
    except ValueError:
        return None
    if function in _WEEKS:
        return first, first + timedelta(days=6)
    if function in _MONTHS:
        return first, (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    return first, first


def _read(live: Mapping[str, Live], rows: Sequence[Sequence[object]]) -> Iterator[Partition]:
    for table, name, identity, count, size, cold in rows:
        found = live.get(str(table))
        span = days(found.function, str(name)) if found is not None and found.column else None
        if found is not None and span is not None:
            yield Partition(found, str(name), str(identity), *span, int(str(count)), int(str(size)), int(str(cold)))
