"""Legal holds: rows that may neither be dropped nor erased nor made coarser until the hold is released."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from clickhouse_connect.driver.client import Client

from clickhouse.columns import FAMILIES, RAW
from clickhouse.statements import render

FIRST, LAST = date(1970, 1, 1), date(2299, 12, 31)
"""The days of a hold that names none."""

_DOMAINS = {table.name: table.domain.name for table in (*RAW, *FAMILIES)}
_COLUMNS = ["name", "relation", "first_day", "last_day", "domain", "person", "reason", "actor"]


@dataclass(frozen=True, slots=True)
class LegalHold:
    """A hold that is in force. What it leaves open it covers whole."""

    name: str
    table: str = ""
    first_day: date = FIRST
    last_day: date = LAST
    domain: str = ""
    person: str = ""
    reason: str = ""
    actor: str = ""
    at: datetime | None = None
    """When it was placed, by ClickHouse's clock."""

    def touches(self, table: str) -> bool:
        """Whether rows of this table can be held. A table that is of no one domain is held by a hold on any."""
        return self.table in ("", table) and self.domain in ("", _DOMAINS.get(table, self.domain))

    def covers(self, table: str, first: date, last: date) -> bool:
        """Whether any of the days, both included, can be held in this table."""
        return self.touches(table) and self.first_day <= last and first <= self.last_day

    def __str__(self) -> str:
        """As a message tells it."""
        return f"legal hold `{self.name}`" + (f" ({self.reason})" if self.reason else "")


def active(client: Client, database: str) -> list[LegalHold]:
    """The holds in force, oldest first. Raises ClickHouse's errors."""
    rows = client.query(
        f"SELECT {', '.join(_COLUMNS)}, at FROM {render('{database}', database)}.legal_holds FINAL "
        "WHERE held = 1 ORDER BY at, name"
    ).result_rows
    return [LegalHold(*row) for row in rows]


def place(client: Client, database: str, hold: LegalHold) -> None:
    """Put a hold in force; one of the same name is replaced."""
    _write(client, database, hold, 1)


def release(client: Client, database: str, hold: LegalHold) -> None:
    """End a hold."""
    _write(client, database, hold, 0)


def touched(holds: Iterable[LegalHold], table: str) -> bool:
    """Whether any hold touches the table."""
    return any(hold.touches(table) for hold in holds)


def parsed(rows: Sequence[Sequence[str]]) -> list[LegalHold]:
    """Holds from rows of `touching_query`: all that tells which tables are touched."""
    return [LegalHold(name, table, domain=domain, person=person) for name, table, domain, person in rows]


def touching_query(database: str) -> str:
    """The query whose rows `parsed` reads."""
    return (
        f"SELECT name, relation, domain, person FROM {render('{database}', database)}.legal_holds FINAL WHERE held = 1"
    )


def _write(client: Client, database: str, hold: LegalHold, held: int) -> None:
    values = [
        hold.name,
        hold.table,
        hold.first_day,
        hold.last_day,
        hold.domain,
        hold.person,
        hold.reason,
        hold.actor,
        held,
    ]
    client.insert(
        f"{database}.legal_holds",
        [values],
        [*_COLUMNS, "held"],
        column_type_names=["String", "String", "Date32", "Date32", "String", "String", "String", "String", "UInt8"],
        settings={"async_insert": 0},
    )
