"""The units of work: a chunk of records as fetched, its decoded form, and runs of offsets."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Protocol

_value = attrgetter("value")

Runs = list[int]
"""Offsets as `[start, length, start, length, ...]`, ascending and disjoint."""


class Record(Protocol):
    """What the pipeline reads of one Kafka record; aiokafka's own records fit, unpacked or not."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int:
        """Milliseconds since 1970; the broker's where the topic has LogAppendTime, else the producer's."""

    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


@dataclass(frozen=True, slots=True)
class Chunk:
    """Everything that the log holds of one topic partition between two fetch positions.

    `start` is the position that was fetched from and `end` the position after it, so a hole in the offsets
    (a transaction marker, a compacted record) lies inside a chunk, never unnoticed between two.
    """

    topic: str
    partition: int
    start: int
    end: int
    records: Sequence[Record]

    @property
    def size(self) -> int:
        """Source bytes of the chunk's values."""
        return sum(map(len, filter(None, map(_value, self.records))))

    def after(self, offset: int) -> "Chunk":
        """The part of this chunk from `offset` on."""
        kept = [record for record in self.records if record.offset >= offset]
        return Chunk(self.topic, self.partition, max(offset, self.start), max(offset, self.end), kept)

    def before(self, offset: int) -> "Chunk":
        """The part of this chunk below `offset`."""
        kept = [record for record in self.records if record.offset < offset]
        return Chunk(self.topic, self.partition, self.start, min(offset, self.end), kept)


@dataclass(slots=True)
class Decoded:
    """A chunk after decoding: `events[i]` is the event struct, or the refusal, of `chunk.records[i]`."""

    chunk: Chunk
    events: list[Any]
    refused: list[int]
    """Positions of the refusals."""
    size: int = field(default=0)

    def __post_init__(self) -> None:
        self.size = self.chunk.size


def to_runs(offsets: Iterable[int]) -> Runs:
    """Ascending offsets as runs.

    >>> to_runs([3, 4, 5, 9])
    [3, 3, 9, 1]
    """
    runs: Runs = []
    expected = None
    for offset in offsets:
        if offset == expected:
            runs[-1] += 1
        else:
            runs += (offset, 1)
        expected = offset + 1
    return runs


def from_runs(runs: Runs) -> Iterator[int]:
    """The offsets of `to_runs`, ascending."""
    for start, length in zip(runs[::2], runs[1::2], strict=True):
        yield from range(start, start + length)


def count_runs(runs: Runs) -> int:
    """How many offsets the runs hold."""
    return sum(runs[1::2])


def runs_by_topic(offsets: Mapping[str, Iterable[int]]) -> dict[str, Runs]:
    """Runs of every topic that has any offset."""
    return {topic: runs for topic, values in offsets.items() if (runs := to_runs(sorted(values)))}
