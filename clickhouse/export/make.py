"""Makes one file of an export: batch by batch into a format, up to so many rows and bytes."""

import io
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, NamedTuple, Protocol, cast

from clickhouse.export.apart import apart
from clickhouse.export.writers import KINDS, Format, Writer
from streams.errors import QueryRefused, SinkUnavailable

TELL_SECONDS: Final = 1.0
"""How often it is told how far an export is."""

Tell = Callable[[int, int, int | None], Awaitable[None]]
"""Is told rows and bytes so far, and the rows that there will be; what it raises ends the export."""


class Source(Protocol):
    """Where rows come from."""

    subject: str
    """What is exported, in a word."""

    async def count(self) -> int | None:
        """Rows that will come at least; None: nobody knows."""

    def batches(self, most: int) -> AsyncIterator[Any]:
        """The rows, so many at most, as pyarrow.RecordBatch; the first may be empty, and tells the columns.

        Later ones may be empty too: while rows are awaited, they let the export be ended.
        """


@dataclass(frozen=True, slots=True)
class Size:
    """How large a file may be."""

    rows: int
    bytes: int
    rows_setting: str
    """Name of the setting that says so."""
    bytes_setting: str
    hint: str
    """What whoever needs more can do."""


class Made(NamedTuple):
    """A whole file."""

    rows: int
    bytes: int


async def expected(source: Source, size: Size) -> int | None:
    """Rows that will come. Raises QueryRefused (too_large) where they are too many, before any is read."""
    count = await source.count()
    if count is not None and count > size.rows:
        raise _too_large(f"{count:,} rows", size, f"{size.rows_setting}={size.rows:,} rows")
    return count


async def make(source: Source, form: Format, file: BinaryIO, size: Size, tell: Tell | None = None) -> Made:
    """Write the file. Raises QueryRefused (too_large) where it becomes too large, and what the source raises.

    The file may then hold a part: it is for the caller to see that nobody takes it for a whole one.
    """
    least = await expected(source, size)
    counted = Counted(file, size)
    # A generator: it is closed here, however this ends, and lets ClickHouse go.
    async with aclosing(cast(Any, source.batches(size.rows + 1))) as batches:
        first = await anext(batches)
        writer = KINDS[form].open(cast(BinaryIO, counted), first.schema)
        try:
            rows = await _write(writer, first, batches, counted, _telling(tell, counted, least))
            if rows < (least or 0):
                raise SinkUnavailable(f"ClickHouse gave {rows:,} rows of {least:,}, and no more; try again")
            await apart(writer.close)
        except BaseException:
            counted.let_go()
            writer.abandon()
            raise
    return Made(rows, counted.size)


def _telling(tell: Tell | None, counted: "Counted", least: int | None) -> Callable[[int], Awaitable[None]]:
    """Tells of rows at once, and then not more often than it must."""
    told_at = 0.0

    async def telling(rows: int) -> None:
        nonlocal told_at
        if tell is not None and time.monotonic() - told_at >= TELL_SECONDS:
            await tell(rows, counted.size, least)
            told_at = time.monotonic()

    return telling


async def _write(
    writer: Writer,
    first: Any,
    batches: AsyncIterator[Any],
    counted: "Counted",
    tell: Callable[[int], Awaitable[None]],
) -> int:
    """Write all batches; returns how many rows they had."""
    await apart(writer.write, first)
    rows, size = int(first.num_rows), counted.limit
    await tell(rows)
    async for batch in batches:
        rows += batch.num_rows
        if rows > size.rows:
            raise _too_large(f"more than {size.rows:,} rows", size, f"{size.rows_setting}={size.rows:,} rows")
        if batch.num_rows:
            await apart(writer.write, batch)
        await tell(rows)
    return rows


class Counted(io.RawIOBase):
    """A file that counts what it is given, and refuses more than an export may have. Closing it closes nothing."""

    def __init__(self, file: BinaryIO, size: Size) -> None:
        super().__init__()
        self.size = 0
        self.limit = size
        self._file: BinaryIO | None = file

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, data: Any) -> int:
        """Write all of it. Raises QueryRefused (too_large)."""
        length = memoryview(data).nbytes
        if self._file is None:
            return length
        self.size += length
        most = self.limit.bytes
        if self.size > most:
            raise _too_large(f"more than {most:,} bytes", self.limit, f"{self.limit.bytes_setting}={most:,} bytes")
        self._file.write(data)
        return length

    def let_go(self) -> None:
        """Take no notice of what is written from now on: libraries end a file when they are collected."""
        self._file = None

    def seekable(self) -> bool:
        """No: what is written is written."""
        return False

    def tell(self) -> int:
        """Bytes so far."""
        return self.size


def _too_large(has: str, size: Size, limit: str) -> QueryRefused:
    return QueryRefused(
        f"The export has {has}; {limit} is all it may have.", code="too_large", value=has, hint=size.hint
    )
