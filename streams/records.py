"""Kafka's record batches as aiokafka reads them, but a header name that is not UTF-8 stops no partition.

aiokafka raises at such a record, and again at every later try, so that nothing behind it would ever be read. Here the
batch that holds it is read once more by aiokafka's parser in Python, which is slow, and is given bytes that turn
into text whatever they are (see `streams.headers`). Importing this file is enough: it holds for every consumer of
the process.
"""

import struct
from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

_HEAD = struct.Struct(">qi")
"""What a batch of any format begins with: its first offset, and the length of the rest."""


class KeptRecords(MemoryRecords):
    """The batches of one fetch, and the bytes that they are read from."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


class TolerantRecords(PartitionRecords):
    """aiokafka's reader of one fetch, which reads a batch again that it could not read."""

    _records: Any

    def _unpack_records(self) -> Iterator[Any]:
        data = self._records.data
        while True:
            try:
                yield from super()._unpack_records()
                return
            except (UnicodeDecodeError, CorruptRecordException) as error:
                if not isinstance(error.__cause__ or error, UnicodeDecodeError):  # the parser in Python wraps it
                    raise
                batch, data = _cut(data, self.next_fetch_offset)
            # All records below `next_fetch_offset` were handed out, and are skipped.
            self._records = _OneBatch(batch)
            yield from super()._unpack_records()
            self._records = KeptRecords(data)


def _cut(data: bytes, offset: int) -> tuple[bytes, bytes]:
    """The first batch that reaches beyond `offset`, and all that follows it."""
    records, start = MemoryRecords(data), 0
    while records.has_next():
        beyond = records.next_batch().next_offset > offset
        end = start + _HEAD.size + _HEAD.unpack_from(data, start)[1]
        if beyond:
            return data[start:end], data[end:]
        start = end
    return b"", b""


class _OneBatch:
    """One batch, as `MemoryRecords` hands it out."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def has_next(self) -> bool:
        """Whether it is still to be handed out."""
        return bool(self._data)

    def next_batch(self) -> "_LenientBatch":
        """The batch."""
        data, self._data = self._data, b""
        return _LenientBatch(data)


class _LenientBatch(_DefaultRecordBatchPy):
    """A batch whose header names may be any bytes."""

    _buffer: bytearray

    def _maybe_uncompress(self) -> None:
        if not self._decompressed:
            super()._maybe_uncompress()
            self._buffer = _LenientBytes(self._buffer)


class _LenientBytes(bytearray):
    """Bytes whose parts turn into text whatever they are; the parser in Python asks only for header names as text."""

    def __getitem__(self, index: Any) -> Any:
        part = super().__getitem__(index)
        return _LenientBytes(part) if isinstance(part, bytearray) else part

    def decode(self, encoding: str = "utf-8", errors: str = "surrogateescape") -> str:
        """Never raises."""
        return super().decode(encoding, errors)


fetcher.MemoryRecords = KeptRecords
fetcher.PartitionRecords = TolerantRecords
