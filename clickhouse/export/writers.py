"""The formats of exports: each writes batches of rows into a file, never goes back in it, and holds one at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, BinaryIO, Final, Protocol

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from clickhouse.export.inert import inert
from clickhouse.export.workbook import Workbook

_TIME: Final = "%Y-%m-%dT%H:%M:%S%Ez"


class Writer(Protocol):
    """Writes one file."""

    def write(self, batch: Any) -> None:
        """Write some rows: a pyarrow.RecordBatch of the schema. Raises QueryRefused where the format has no room."""

    def close(self) -> None:
        """Write what ends the file; nothing may be written after it."""

    def abandon(self) -> None:
        """Let go, instead of `close`, of a file that will not be whole."""


class Format(StrEnum):
    """Formats by the end of the file's name."""

    CSV = "csv"
    XLSX = "xlsx"
    JSON = "json"
    NDJSON = "ndjson"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True)
class Kind:
    """How a format is written, and called on the wire."""

    open: Callable[[BinaryIO, Any], Writer]
    """Of the file and the schema."""
    media_type: str


class Csv:
    """RFC 4180 with a header, in UTF-8; a missing value is empty, empty text is `""`; formulas are inert."""

    def __init__(self, file: BinaryIO, schema: Any) -> None:
        texts = [pa.field(each.name, pa.string() if _is_text(each.type) else each.type) for each in schema]
        options = pyarrow.csv.WriteOptions(include_header=True)
        self._schema = pa.schema(texts)
        self._writer = pyarrow.csv.CSVWriter(pa.PythonFile(file, "w"), self._schema, write_options=options)

    def write(self, batch: Any) -> None:
        """See Writer."""
        self._writer.write(pa.record_batch([_cell(column) for column in batch.columns], schema=self._schema))

    def close(self) -> None:
        """See Writer."""
        self._writer.close()

    def abandon(self) -> None:
        """See Writer."""


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_timestamp(kind) or pa.types.is_string(kind))


def _cell(column: Any) -> Any:
    if pa.types.is_timestamp(column.type):
        return pc.strftime(column, format=_TIME)
    return inert(column) if pa.types.is_string(column.type) else column


class Lines:
    """One JSON object a line; money is text with decimals, times are RFC 3339."""

    def __init__(self, file: BinaryIO, _: Any) -> None:
        self._file = file
        self._encoder = msgspec.json.Encoder()

    def write(self, batch: Any) -> None:
        """See Writer."""
        self._file.write(self._encoder.encode_lines(batch.to_pylist()))

    def close(self) -> None:
        """See Writer."""

    def abandon(self) -> None:
        """See Writer."""


class Document:
    """One JSON document: `columns`, `rows` as objects, and at its end `count`, which tells that it is whole."""

    def __init__(self, file: BinaryIO, schema: Any) -> None:
        self._file = file
        self._encoder = msgspec.json.Encoder()
        self._count = 0
        file.write(b'{"columns":' + self._encoder.encode(schema.names) + b',"rows":[')

    def write(self, batch: Any) -> None:
        """See Writer."""
        rows = batch.to_pylist()
        if rows:
            self._file.write((b"," if self._count else b"") + self._encoder.encode(rows)[1:-1])
        self._count += len(rows)

    def close(self) -> None:
        """See Writer."""
        self._file.write(b'],"count":%d}\n' % self._count)

    def abandon(self) -> None:
        """See Writer."""


class Parquet:
    """Apache Parquet with the types of the columns, compressed by zstd; a row group for each batch."""

    def __init__(self, file: BinaryIO, schema: Any) -> None:
        self._writer = pyarrow.parquet.ParquetWriter(pa.PythonFile(file, "w"), schema, compression="zstd")

    def write(self, batch: Any) -> None:
        """See Writer."""
        self._writer.write_batch(batch)

    def close(self) -> None:
        """See Writer."""
        self._writer.close()

    def abandon(self) -> None:
        """See Writer."""
        self._writer.is_open = False  # else it writes its end when it is collected


KINDS: Final[dict[Format, Kind]] = {
    Format.CSV: Kind(Csv, "text/csv; charset=utf-8; header=present"),
    Format.XLSX: Kind(Workbook, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    Format.JSON: Kind(Document, "application/json"),
    Format.NDJSON: Kind(Lines, "application/x-ndjson"),
    Format.PARQUET: Kind(Parquet, "application/vnd.apache.parquet"),
}
