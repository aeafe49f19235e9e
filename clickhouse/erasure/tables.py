"""Erase a person's rows from the tables, but for those that a legal hold covers.

Theirs are the rows that name them, and, of visits in which nobody else is named, those that name nobody: such as page
views before the login. The latter go first, and from everywhere: as long as a row names both person and visit, a call
after one that was killed finds the visit again.
"""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clickhouse import legal, persons
from clickhouse.archive.passing import Work
from clickhouse.erasure.receipt import Place, summed
from clickhouse.legal import LegalHold
from clickhouse.policy import create_queries
from clickhouse.retention import ttl
from streams.errors import ConfigurationError, InvariantBroken, SinkUnavailable

UNDERWAY = "underway"
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Person:
    """Who is to be erased, and from where."""

    id: str
    domain: str = ""
    """Empty: everywhere."""
    keys: tuple[str, ...] = field(default=())
    """Keys of windows that are the person's: the id, and the ids of visits."""
    visits: tuple[str, ...] = field(default=())
    """The visits in which nobody else is named."""

    @property
    def given(self) -> dict[str, Any]:
        """Parameters of the conditions."""
        return {"person": self.id, "keys": list(self.keys), "visits": list(self.visits)}


def visits(work: Work, identity: str) -> set[str]:
    """The visits that rows of a person name."""
    found: set[str] = set()
    for table, names in _with_visits(work).items():
        theirs = " OR ".join(f"`{name}` = {{person:String}}" for name in names)
        rows = work.client.query(
            f"SELECT DISTINCT ifNull({persons.VISIT}, '') FROM {work.table(table)} WHERE {theirs}",
            parameters={"person": identity},
        ).result_rows
        found |= {str(visit) for (visit,) in rows if visit}
    return found


def shared(work: Work, identity: str, visits: Collection[str]) -> set[str]:
    """Those of the visits in which somebody else is named."""
    found: set[str] = set()
    for table, names in _with_visits(work).items() if visits else ():
        others = " OR ".join(f"ifNull(`{name}`, '') NOT IN ('', {{person:String}})" for name in names)
        rows = work.client.query(
            f"SELECT DISTINCT {persons.VISIT} FROM {work.table(table)} "
            f"WHERE ifNull({persons.VISIT}, '') IN {{visits:Array(String)}} AND ({others})",
            parameters={"person": identity, "visits": sorted(visits)},
        ).result_rows
        found |= {str(visit) for (visit,) in rows}
    return found


def _with_visits(work: Work) -> dict[str, tuple[str, ...]]:
    """The tables that name both persons and visits, with the columns of the former."""
    found = persons.columns(work.client, work.database)
    return {table: names for table, names in found.items() if persons.VISIT in work.columns(table)}


def conditions(work: Work, who: Person, windows: Sequence[str]) -> dict[str, str]:
    """Per table the condition that a row is the person's, for tables that may have any."""
    known = persons.conditions(persons.columns(work.client, work.database), windows)
    found = {}
    for table, condition in known.items():
        names = work.columns(table)
        if not names:
            raise ConfigurationError(f"there is no table {table} in {work.database}; run `millrace migrate apply`")
        found[table] = persons.in_domain(condition, list(names), who.domain)
    return found


@dataclass(frozen=True, slots=True)
class _Part:
    """The person's rows of one table."""

    table: str
    free: str
    """The condition of those that no hold covers."""
    total: int
    rows: int
    """Those that no hold covers."""
    holds: tuple[LegalHold, ...]

    @property
    def place(self) -> Place:
        kept = self.total - self.rows
        return Place(where=self.table, rows=self.rows, kept=kept, holds=[hold.name for hold in self.holds if kept])


def erase(work: Work, who: Person, windows: Sequence[str], dry_run: bool) -> list[Place]:
    """Erase the rows; one place for each table with any.

    Raises InvariantBroken if a row is left that no hold covers; ClickHouse's errors.
    """
    anonymous = {
        table: persons.in_domain(persons.of_visits(names), list(work.columns(table)), who.domain)
        for table, names in _with_visits(work).items()
        if who.visits
    }
    alone = [part for part in _parts(work, who, anonymous) if part.total]
    named = [part for part in _parts(work, who, conditions(work, who, windows)) if part.total]
    if not dry_run:
        # Windows with the visits: a second call finds the keys by the rows of the other tables.
        first = [part for part in named if part.table == persons.WINDOWS_TABLE]
        _delete(work, who, [part for part in [*alone, *first] if part.rows])
        _delete(work, who, [part for part in named if part.rows and part not in first])
    return summed(part.place for part in [*alone, *named])


def _parts(work: Work, who: Person, conditions: Mapping[str, str]) -> Iterator[_Part]:
    holds = legal.active(work.client, work.database)
    live = {table.name: table for table in ttl.tables(create_queries(work.client, work.database))}
    for table, condition in sorted(conditions.items()):
        touching = tuple(hold for hold in holds if _concerns(hold, table, who))
        free = f"({condition}) AND {_not_held(live[table], touching)}"
        total = _count(work, table, condition, who)
        yield _Part(table, free, total, _count(work, table, free, who) if touching else total, touching)


def _delete(work: Work, who: Person, parts: Sequence[_Part]) -> None:
    """Delete from several tables at once, and return when all is done."""
    for part in parts:
        work.lock.check()
        work.client.command(
            f"ALTER TABLE {work.table(part.table)} DELETE WHERE {part.free}",
            parameters=who.given,
            settings={"mutations_sync": 0},
        )
    while fault := _unfinished(work, [part.table for part in parts]):
        if fault != UNDERWAY:
            raise SinkUnavailable(f"ClickHouse cannot delete rows: {fault}; mend that, it goes on by itself")
        time.sleep(POLL_SECONDS)
    for part in parts:
        if left := _count(work, part.table, part.free, who):
            raise InvariantBroken(f"{left} rows of the person are still in {part.table}; run this again, and report it")


def _unfinished(work: Work, tables: Sequence[str]) -> str:
    """What keeps deletions from being done: UNDERWAY or a fault; empty if all are."""
    rows = work.client.query(
        "SELECT latest_fail_reason FROM system.mutations "
        "WHERE database = {database:String} AND table IN {tables:Array(String)} AND NOT is_done "
        "ORDER BY latest_fail_reason DESC LIMIT 1",
        parameters={"database": work.database, "tables": list(tables)},
    ).result_rows
    return (str(rows[0][0]) or UNDERWAY) if rows else ""


def _concerns(hold: LegalHold, table: str, who: Person) -> bool:
    """Whether a hold may keep rows of the person in a table: one on somebody else does not."""
    return hold.touches(table) and hold.person in ("", who.id)


def _not_held(table: ttl.Live, holds: Sequence[LegalHold]) -> str:
    """The condition that no hold covers a row, as SQL. Where a table has no days, a hold covers it whole."""
    if holds and table.column is None:
        return "0"
    held = [f"{table.day} BETWEEN '{hold.first_day}' AND '{hold.last_day}'" for hold in holds if _is_bounded(hold)]
    if any(not _is_bounded(hold) for hold in holds):
        return "0"
    return f"NOT ({' OR '.join(held)})" if held else "1"


def _is_bounded(hold: LegalHold) -> bool:
    return (hold.first_day, hold.last_day) != (legal.FIRST, legal.LAST)


def _count(work: Work, table: str, condition: str, who: Person) -> int:
    return int(work.one(f"SELECT count() FROM {work.table(table)} WHERE {condition}", **who.given))
