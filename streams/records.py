"""Kafka's record batches as aiokafka reads them, but a header name that is not UTF-8 stops no partition.

aiokafka raises at such a record, and again at every later try, so that nothing behind it would ever be read. Here the
batch that holds it is read once more by aiokafka's parser in Python, which is slow, and is given bytes that turn
into text whatever they are (see `streams.headers`). Importing this file is enough: it holds for every consumer of
the process.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
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
    """aiokafka's reader of one fetch, which reads a batch again that it could not read.

    `take` reads by the batch instead of by the record, and leaves records as aiokafka's C parser made them: a
    ConsumerRecord costs a microsecond, and a look at each record half of one.
    """

    next_fetch_offset: int
    _records: Any
    _batches: Iterator[list[Any]] | None = None
    _left: Sequence[Any] = ()

    @property
    def position(self) -> int:
        """The offset after what `take` has handed out."""
        return int(self._left[0].offset) if self._left else self.next_fetch_offset

    def _unpack_records(self) -> Iterator[Any]:
        return self._tolerant(super()._unpack_records)

    def _tolerant(self, read: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        """What `read` hands out of the records as they stand, and of the batch that it could not read."""
        data = self._records.data
        while True:
            try:
                yield from read()
                return
            except (UnicodeDecodeError, CorruptRecordException) as error:
                if not isinstance(error.__cause__ or error, UnicodeDecodeError):  # the parser in Python wraps it
                    raise
                batch, data = _cut(data, self.next_fetch_offset)
            # All records below `next_fetch_offset` were handed out, and are skipped.
            self._records = _OneBatch(batch)
            yield from read()
            self._records = KeptRecords(data)

    def take(self, limit: int) -> list[Any]:
        """The next records, `limit` of them, or fewer where none is left; raises CorruptRecordException."""
        if self._batches is None:
            self._batches = self._tolerant(self._unpack_batches)
            self._records_iterator = None  # it holds this object, and so the bytes of the fetch, in a circle
        records = list(self._left)
        try:
            while len(records) < limit and (batch := next(self._batches, None)) is not None:
                records += batch
        except CorruptRecordException:
            if not records:  # else the next fetch begins with what could not be read, and says so
                raise
        self._left = records[limit:]
        return records[:limit]

    def _unpack_batches(self) -> Iterator[list[Any]]:
        """As aiokafka's `_unpack_records`, by the batch."""
        records = self._records
        while records.has_next():
            batch = records.next_batch()
            if self._check_crcs and not batch.validate_crc():
                raise CorruptRecordException(f"Invalid CRC - {self._tp}")
            first = self.next_fetch_offset
            found = [] if self._is_left_out(batch) else list(batch)
            if batch.base_offset < first:  # a fetch begins with the batch that holds its offset
                found = [record for record in found if record.offset >= first]
            self.next_fetch_offset = max(first, batch.next_offset)
            yield found

    def _is_left_out(self, batch: Any) -> bool:
        """Whether the batch is a marker, or of a transaction that was aborted."""
        if self._isolation_level == READ_COMMITTED and batch.producer_id is not None:
            self._consume_aborted_up_to(batch.base_offset)
            if batch.is_control_batch and self._contains_abort_marker(batch):
                self._aborted_producers.discard(batch.producer_id)
            if batch.is_transactional and batch.producer_id in self._aborted_producers:
                return True
        return bool(batch.is_control_batch)


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
