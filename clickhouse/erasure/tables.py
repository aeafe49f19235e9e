"""Erase a person's rows from the tables, but for those that a legal hold covers.

Theirs are the rows that name them, and, of visits in which nobody else is named, those that name nobody: such as page
views before the login. The latter go first, and from everywhere: as long as a row names both person and visit, a call
after one that was killed finds the visit again.

There may be more visits than one statement takes, so they are gone through in portions. In a cluster each ClickHouse
shard is asked and changed by one replica; the others follow, and are waited for: until none has a row of the person.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from clickhouse import legal, persons
from clickhouse.archive.passing import Work
from clickhouse.erasure import deletion
from clickhouse.erasure.deletion import Part, count
from clickhouse.erasure.person import Person, places, with_visits
from clickhouse.erasure.receipt import Place, summed
from clickhouse.legal import LegalHold
from clickhouse.retention import ttl
from streams.errors import ConfigurationError


class _Asked(NamedTuple):
    """A table of one ClickHouse shard that may have rows of the person."""

    work: Work
    table: ttl.Live
    condition: str


def erase(works: Sequence[Work], who: Person, windows: Sequence[str], dry_run: bool) -> list[Place]:
    """Erase the rows; one place for each table with any. `works`: on every ClickHouse shard.

    Raises InvariantBroken if a row is left that no hold covers; SinkUnavailable where ClickHouse cannot delete, or a
    replica does not; ClickHouse's errors.
    """
    holds = legal.active(works[0].client, works[0].database)
    alone = list(_alone(works, who, holds))
    named = list(_named(works, who, windows, holds))
    if not dry_run:
        # Windows with the visits: a second call finds the keys by the rows of the other tables.
        deletion.delete(works, [*alone, *(part for part in named if part.table == persons.WINDOWS_TABLE)])
        deletion.delete(works, [part for part in named if part.table != persons.WINDOWS_TABLE])
    return summed(part.place for part in [*alone, *named] if part.total)


def _alone(works: Sequence[Work], who: Person, holds: Sequence[LegalHold]) -> Iterator[Part]:
    """The rows of the person's visits that name nobody."""
    asked = [
        _Asked(work, table, persons.in_domain(persons.of_visits(names), list(work.columns(table.name)), who.domain))
        for work, table, names in with_visits(works)
    ]
    for portion in persons.portions(who.visits):
        yield from _parts(asked, who, holds, {"visits": portion})


def _named(works: Sequence[Work], who: Person, windows: Sequence[str], holds: Sequence[LegalHold]) -> Iterator[Part]:
    """The rows that name the person, and the windows of person and visits."""
    asked = list(_naming(works, who, windows))
    yield from _parts([each for each in asked if not _is_windows(each)], who, holds, {"person": who.id})
    for portion in persons.portions(who.keys):
        yield from _parts([each for each in asked if _is_windows(each)], who, holds, {"keys": portion})


def _naming(works: Sequence[Work], who: Person, windows: Sequence[str]) -> Iterator[_Asked]:
    for number, (work, tables) in enumerate(places(works)):
        known = persons.conditions(persons.columns(work.client, work.database), windows)
        for name, condition in sorted(known.items()):
            if name in tables:
                yield _Asked(work, tables[name], persons.in_domain(condition, list(work.columns(name)), who.domain))
            elif not number:
                raise ConfigurationError(f"there is no table {name} in {work.database}; run `millrace migrate apply`")


def _is_windows(asked: _Asked) -> bool:
    return asked.table.name == persons.WINDOWS_TABLE


def _parts(
    asked: Sequence[_Asked], who: Person, holds: Sequence[LegalHold], given: Mapping[str, Any]
) -> Iterator[Part]:
    for work, table, condition in asked:
        touching = tuple(hold for hold in holds if _concerns(hold, table.name, who))
        free = f"({condition}) AND {_not_held(table, touching)}"
        total = count(work, table.name, condition, given)
        rows = count(work, table.name, free, given) if touching else total
        yield Part(work, table.name, free, given, total, rows, touching)


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
