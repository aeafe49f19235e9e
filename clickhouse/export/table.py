"""Slices of tables: which rows and columns may be exported, and how they are read, a block at a time."""

from collections.abc import AsyncIterator, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
import urllib3
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import Error

from clickhouse.client import classify, connect_sync
from clickhouse.columns import FAMILIES, RAW, Family, Raw
from clickhouse.export.apart import apart
from clickhouse.metrics.question import span
from clickhouse.metrics.route import Limits
from streams.errors import MillraceError, QueryRefused, SinkUnavailable
from streams.events.domains import Domain
from streams.persons import PERSON_FIELDS
from streams.settings import Settings
from streams.unknown import unknown

TABLES: Final[dict[str, Raw | Family]] = {table.name: table for table in (*RAW, *FAMILIES)}
"""What can be exported: the tables of the domains' events."""
PERSONAL: Final = (*PERSON_FIELDS, "session_id", "url", "referrer", "query")
"""Columns that name a person or a visit, or hold what a visitor wrote: only for whom may see people."""
TOO_MUCH: Final = frozenset({158, 159, 160, 241, 307, 396})
THREADS: Final = 2
"""Of one export in ClickHouse: it may take its time, metrics may not."""
BLOCK_ROWS: Final = 8192
"""Rows that are held at a time."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Some columns of the rows of one table that happened in a range of time."""

    table: str
    domain: Domain
    columns: tuple[str, ...]
    begin: datetime
    """In UTC."""
    end: datetime
    """In UTC; not part of the range."""

    @property
    def tells_people(self) -> bool:
        """Whether a column names a person or a visit."""
        return any(name in PERSONAL for name in self.columns)

    @property
    def facts(self) -> dict[str, Any]:
        """What it is, for the audit and for whoever makes it later."""
        begin, end = self.begin.isoformat(), self.end.isoformat()
        return {"table": self.table, "columns": list(self.columns), "from": begin, "to": end}


def ask(table: str, columns: Sequence[str], begin: str, end: str, zone: str = "", *, people: bool) -> Slice:
    """The slice that these words mean; times as those of metrics. Raises QueryRefused.

    Without columns: all that may be seen; `people`: those that name persons among them.
    """
    found = TABLES.get(table)
    if found is None:
        raise unknown("No table {} can be exported.", table, TABLES, code="unknown_table")
    known = [column.name for column in found.columns]
    for name in columns:
        if name not in known:
            raise unknown(f"{table} has no column {{}}.", name, known, code="unknown_column")
    usual = [name for name in known if people or name not in PERSONAL]
    first, last, _ = span(found.domain, begin, end, zone)
    return Slice(table, found.domain, tuple(dict.fromkeys(columns)) or tuple(usual), first, last)


class TableSource:
    """The rows of a slice."""

    def __init__(self, settings: Settings, wanted: Slice, limits: Limits) -> None:
        """`limits`: what ClickHouse may read for it, and for how long."""
        self.slice = wanted
        self.subject = wanted.table
        self._settings = settings
        self._limits = limits

    async def count(self) -> int:
        """Rows that there are now. Raises QueryRefused where that alone costs too much, and as `classify` says."""
        return await apart(self._count)

    async def batches(self, most: int) -> AsyncIterator[Any]:
        """The rows, so many at most, as pyarrow.RecordBatch; first an empty one, which tells the columns.

        In the order of the table. Raises as `count` does; SinkUnavailable if ClickHouse breaks off.
        """
        reading = self._read(most)
        try:
            while (batch := await apart(next, reading, None)) is not None:
                yield batch
        finally:
            await apart(reading.close)

    def _count(self) -> int:
        sql = f"SELECT count() FROM {self.slice.table} WHERE {_RANGE}"
        with closing(connect_sync(self._settings, reading=True)) as client, _told(self._limits):
            rows = client.query(sql, parameters=self._values(), settings=self._costs()).result_rows
        return int(rows[0][0])

    def _read(self, most: int) -> Generator[Any, None, None]:
        columns = ", ".join(f"`{name}`" for name in self.slice.columns)
        sql = f"SELECT {columns} FROM {self.slice.table} WHERE {_RANGE} LIMIT {{most:UInt64}}"
        settings = self._costs() | {"max_block_size": BLOCK_ROWS}
        with closing(connect_sync(self._settings, reading=True)) as client, _told(self._limits):
            values = self._values() | {"most": most}
            yield plain(self._empty(client, sql, values))
            with client.query_arrow_stream(sql, values, settings, use_strings=True) as blocks:
                for block in blocks:
                    yield from (plain(batch) for batch in _batches(block) if batch.num_rows)

    def _empty(self, client: Client, sql: str, values: dict[str, Any]) -> Any:
        none = client.query_arrow(f"SELECT * FROM ({sql}) LIMIT 0", values, use_strings=True)
        return pa.RecordBatch.from_pylist([], schema=none.schema)

    def _values(self) -> dict[str, Any]:
        return {"begin": _text(self.slice.begin), "end": _text(self.slice.end)}

    def _costs(self) -> dict[str, Any]:
        limits = self._limits
        return {"max_rows_to_read": limits.rows, "max_execution_time": limits.seconds, "max_threads": THREADS}


_RANGE: Final = "occurred_at >= {begin:DateTime64(3, 'UTC')} AND occurred_at < {end:DateTime64(3, 'UTC')}"


def plain(batch: Any) -> Any:
    """The same rows in the types that every format knows: text as text, times in UTC."""
    columns = [_plain(column) for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _plain(column: Any) -> Any:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _plain(column.dictionary_decode())
    if pa.types.is_binary(kind) or pa.types.is_large_string(kind):
        return column.cast(pa.string())
    if pa.types.is_timestamp(kind):
        return column.cast(pa.timestamp("ms", "UTC"))
    return column


def _batches(block: Any) -> Sequence[Any]:
    return block.to_batches() if isinstance(block, pa.Table) else [block]


class _told:
    """Turns what reading raises into errors of ours."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def __enter__(self) -> None:
        """Nothing."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Error) and error.code in TOO_MUCH:
            raise QueryRefused(
                f"The export costs more than it may: {self._limits.rows:,} rows read, or {self._limits.seconds} s.",
                code="too_expensive",
                value=str(error.code),
                hint="Ask for a shorter range, or have it made as a job (POST /v1/exports).",
            ) from error
        if isinstance(error, urllib3.exceptions.HTTPError | pa.ArrowException):
            raise SinkUnavailable(f"ClickHouse broke off while rows were read: {error}. Try again.") from error
        if isinstance(error, Exception) and not isinstance(error, MillraceError):
            raise classify(error) from error


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}"
