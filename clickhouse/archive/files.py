"""Rows to Parquet files and back."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from clickhouse.archive.manifest import File, Manifest
from clickhouse.archive.passing import Work
from clickhouse.archive.rowhash import content
from clickhouse.archive.store import CHUNK, Store
from clickhouse.client import unrepeated
from streams.errors import ConfigurationError, MillraceError

ROW_GROUP = 131_072
COMPRESSION_LEVEL = 6


class ArchiveDamaged(MillraceError):
    """Files of the archive are not what the manifest says. Nothing is dropped; bring the file back from a copy."""


class _Output:
    """One file as it is written: its bytes are counted and hashed on their way."""

    closed = False

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.size = 0
        self.digest = hashlib.sha256()

    def write(self, data: Any) -> int:
        """Pass the bytes on."""
        piece = bytes(data)
        self._inner.write(piece)
        self.size += len(piece)
        self.digest.update(piece)
        return len(piece)

    def flush(self) -> None:
        """Nothing is held here."""

    def close(self) -> None:
        """Close the file."""
        self._inner.close()
        self.closed = True


def write(
    work: Work,
    store: Store,
    folder: str,
    source: str,
    columns: Sequence[str],
    where: str,
    given: dict[str, Any] | None = None,
) -> list[File]:
    """Write rows, in the table's own order, into files of ARCHIVE_FILE_ROWS rows at most. Raises ClickHouse's errors.

    `source`: qualified table; `given`: parameters of the condition.
    """
    names = ", ".join(f"`{name}`" for name in columns)
    key = work.one(f"SELECT sorting_key FROM system.tables WHERE {_is_table(source)}")
    order = f" ORDER BY {key}" if key else ""
    stream: Any = work.client.raw_stream(
        f"SELECT {names} FROM {source} WHERE {where}{order}",
        parameters=given,
        fmt="ArrowStream",
        settings={"max_execution_time": 0, "output_format_arrow_low_cardinality_as_dictionary": 0},
    )
    try:
        reader = pa.ipc.open_stream(_Readable(stream))
        files = []
        for number, batches in enumerate(_cut(reader, work.settings.archive_file_rows)):
            files.append(_file(store, folder, f"part-{number:05d}.parquet", reader.schema, batches))
        return files
    finally:
        stream.close()


def read(work: Work, store: Store, manifest: Manifest, target: str) -> None:
    """Read the files of a run into a table, and hold bytes, rows and hash against the manifest.

    Raises ArchiveDamaged if anything differs; then the table holds what it may.
    """
    table, where = work.table(target), f"{store.url}/{manifest.folder}"
    before = content(work.client, table, manifest.columns)
    for file in manifest.files:
        data = store.read(f"{manifest.folder}/{file.name}")
        digest = hashlib.sha256(data).hexdigest()
        if digest != file.sha256:
            raise ArchiveDamaged(
                f"{where}/{file.name} has {len(data)} bytes with SHA-256 {digest[:16]}..., its manifest says "
                f"{file.bytes} with {file.sha256[:16]}...; nothing was dropped. Bring the file back from a copy"
            )
        work.lock.check()
        work.client.raw_insert(
            table,
            column_names=manifest.columns,
            insert_block=unrepeated(data),
            fmt="Parquet",
            settings={"async_insert": 0, "insert_deduplicate": 0, "max_partitions_per_insert_block": 0},
        )
    found = content(work.client, table, manifest.columns).without(before)
    if found != manifest.content:
        raise ArchiveDamaged(
            f"{where} was read back as {found.rows} rows with hash {found.hash}, its manifest says {manifest.rows} "
            f"with {manifest.hash}; nothing was dropped. Look at the file system, then run this again"
        )


def known_columns(manifest: Manifest, have: Sequence[str]) -> None:
    """Raise ConfigurationError if the table has lost a column that the files have."""
    if gone := sorted(set(manifest.columns) - set(have)):
        raise ConfigurationError(
            f"{manifest.table} no longer has the columns {gone} that the archive of {manifest.day} has; add them to a "
            "table of that name, restore, and decide there"
        )


def _file(store: Store, folder: str, name: str, schema: Any, batches: Iterator[Any]) -> File:
    output, rows = _Output(store.output(f"{folder}/{name}")), 0
    options = {"compression": "zstd", "compression_level": COMPRESSION_LEVEL}
    try:
        with parquet.ParquetWriter(pa.PythonFile(output, "w"), schema, **options) as writer:
            for batch in batches:
                writer.write_batch(batch, row_group_size=ROW_GROUP)
                rows += batch.num_rows
    finally:
        output.close()
    store.settle(f"{folder}/{name}")
    return File(name, rows, output.size, output.digest.hexdigest())


def _cut(reader: Any, most: int) -> Iterator[Iterator[Any]]:
    """The batches of a stream by file; each group must be taken before the next one is asked for."""
    rest: list[Any] = []
    source = (batch for batch in reader if batch.num_rows)

    def group() -> Iterator[Any]:
        left = most
        while left:
            batch = rest.pop() if rest else next(source, None)
            if batch is None:
                return
            if batch.num_rows > left:
                rest.append(batch.slice(left))
                batch = batch.slice(0, left)
            left -= batch.num_rows
            yield batch

    while True:
        if not rest:
            first = next(source, None)
            if first is None:
                return
            rest.append(first)
        yield group()


class _Readable:
    """The stream of an answer as pyarrow reads one."""

    closed = False

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def read(self, size: int = -1) -> bytes:
        """Up to so many bytes; fewer only at the end."""
        if size < 0:
            return bytes(self._inner.read())
        pieces, left = [], size
        while left and (piece := self._inner.read(min(left, CHUNK))):
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """Closed by whoever opened it."""
        self.closed = True


def _is_table(qualified: str) -> str:
    database, _, name = qualified.partition(".")
    return f"database = '{database}' AND name = '{name.strip('`')}'"
