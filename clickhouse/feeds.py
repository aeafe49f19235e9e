"""Which tables views fill from the raw tables, as the live schema has it: what a rebuild makes again."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.client import classify
from clickhouse.columns import FAMILIES, RAW
from clickhouse.rollups import TARGETS
from streams.errors import ConfigurationError

_VIEWS = """
SELECT name, as_select, extract(create_table_query, ' TO [^ ]+\\\\.`?([A-Za-z0-9_]+)`?') AS target
FROM system.tables WHERE database = currentDatabase() AND engine = 'MaterializedView' ORDER BY name
"""
_COLUMNS = """
SELECT table, name, type FROM system.columns WHERE database = currentDatabase() ORDER BY table, position
"""
_TABLES = "SELECT name, partition_key, create_table_query FROM system.tables WHERE database = currentDatabase()"
_DROPPED = re.compile(r"toDate\(\w+\) \+ toIntervalDay\((\d+)\)(?! TO )")


@dataclass(frozen=True, slots=True)
class Feed:
    """A view over a raw table."""

    view: str
    select: str
    """Its query as ClickHouse shows it, with the database's name in it."""
    source: str
    columns: tuple[str, ...]
    """What its query gives, in order."""

    def over(self, condition: str) -> str:
        """The query over those rows of its source alone for which the condition holds."""
        found = re.sub(
            rf"\bFROM (\S+\.{self.source})\b",
            lambda match: f"FROM (SELECT * FROM {match[1]} WHERE {condition})",
            self.select,
        )
        if found == self.select:
            raise ConfigurationError(f"view {self.view} does not read {self.source} as expected: {self.select}")
        return found


@dataclass(frozen=True, slots=True)
class Target:
    """A table that views fill, and nothing else."""

    name: str
    columns: tuple[tuple[str, str], ...]
    """Name and type."""
    partition: str
    """Its partition key."""
    feeds: tuple[Feed, ...]
    kept_days: int = 0
    """Age in days at which its rows go; 0: never."""
    create: str = ""
    """Its CREATE statement, as ClickHouse shows it."""

    def keeps(self, day: date) -> bool:
        """Whether the table still holds this day: its rows may go sooner than the raw ones."""
        return not self.kept_days or day + timedelta(days=self.kept_days) > datetime.now(UTC).date()

    @property
    def time(self) -> str:
        """The column that says when: `bucket` of a rollup, `occurred_at` of a family."""
        return "bucket" if self.is_rollup else "occurred_at"

    @property
    def is_rollup(self) -> bool:
        """Whether it holds aggregates, not rows."""
        return any(name == "bucket" for name, _ in self.columns)

    @property
    def is_monthly(self) -> bool:
        """Whether a partition is a month; else it is a day."""
        return self.partition.startswith("toYYYYMM(")

    def partition_of(self, day: date) -> str:
        """The partition that holds a day, as an SQL literal."""
        return f"{day:%Y%m}" if self.is_monthly else f"'{day}'"

    @property
    def sources(self) -> tuple[str, ...]:
        """The raw tables that it is made from."""
        return tuple(dict.fromkeys(feed.source for feed in self.feeds))

    def rows_of(self, condition: str) -> str:
        """A query that makes the target's columns from rows of its sources; groups may come more than once."""
        return " UNION ALL ".join(f"SELECT {self._padded(feed)} FROM ({feed.over(condition)})" for feed in self.feeds)

    def _padded(self, feed: Feed) -> str:
        quoted = "'{}'"
        return ", ".join(
            name if name in feed.columns else f"defaultValueOfTypeName({quoted.format(kind)}) AS {name}"
            for name, kind in self.columns
        )


async def targets(client: AsyncClient) -> dict[str, Target]:
    """Every rollup and family table by name, as the database has it. Raises as `classify` says."""
    names = [*TARGETS, *(family.name for family in FAMILIES)]
    columns: dict[str, list[tuple[str, str]]] = {}
    for table, name, kind in await rows(client, _COLUMNS):
        columns.setdefault(table, []).append((name, kind))
    tables = {str(name): (str(key), str(create)) for name, key, create in await rows(client, _TABLES)}
    feeds: dict[str, list[Feed]] = {}
    for view, select, target in await rows(client, _VIEWS):
        source = next((raw.name for raw in RAW if re.search(rf"\bFROM \S+\.{raw.name}\b", select)), None)
        if source is not None:
            given = tuple(name for name, _ in columns[view])
            feeds.setdefault(target, []).append(Feed(view, select, source, given))
    return {
        name: Target(name, tuple(columns[name]), key, tuple(feeds[name]), _kept(create), create)
        for name in names
        if name in feeds
        for key, create in [tables[name]]
    }


def _kept(create: str) -> int:
    """The days of the TTL that drops rows, of a CREATE statement; 0 if none does."""
    found = _DROPPED.search(create)
    return int(found[1]) if found else 0


async def find(client: AsyncClient, name: str) -> Target:
    """The target of this name, or that a view of this name fills. Raises ConfigurationError if there is none."""
    known = await targets(client)
    for target in known.values():
        if name in (target.name, *(feed.view for feed in target.feeds)):
            return target
    raise ConfigurationError(f"{name!r} is no rollup and no family table; choose one of {', '.join(sorted(known))}")


async def rows(client: AsyncClient, sql: str, parameters: dict[str, Any] | None = None) -> Sequence[Sequence[Any]]:
    """The rows of a query. Raises as `classify` says."""
    try:
        return (await client.query(sql, parameters=parameters)).result_rows
    except Exception as error:
        raise classify(error) from error


async def days_of(client: AsyncClient, tables: Sequence[str]) -> set[date]:
    """The days (UTC) of which tables partitioned by day hold parts. Raises as `classify` says."""
    found = await rows(
        client,
        "SELECT DISTINCT toDate(partition) FROM system.parts "
        "WHERE active AND database = currentDatabase() AND table IN {tables:Array(String)}",
        {"tables": list(tables)},
    )
    return {day for (day,) in found}
