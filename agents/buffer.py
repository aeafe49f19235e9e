"""What one shard has fetched and not yet delivered: contiguous by construction."""

from dataclasses import dataclass, field

from streams.batch import Chunk, Decoded
from streams.errors import Invariant, InvariantBroken
from streams.intent import Ranges


@dataclass(slots=True)
class Buffer:
    """Decoded chunks in the order of arrival; `expected` is, per topic, the offset that comes next."""

    expected: dict[str, int] = field(default_factory=dict)
    chunks: list[Decoded] = field(default_factory=list)
    rows: int = 0
    size: int = 0
    """Source bytes."""

    def reset(self, expected: dict[str, int]) -> None:
        """Drop everything and go on from these offsets."""
        self.expected = dict(expected)
        self.chunks = []
        self.rows = self.size = 0

    def fit(self, chunk: Chunk) -> Chunk | None:
        """The part of the chunk that is new; None if nothing is, or if it would leave a gap (see `is_gap`)."""
        expected = self.expected.get(chunk.topic)
        if expected is None or chunk.end <= expected or chunk.start > expected:
            return None
        return chunk if chunk.start == expected else chunk.after(expected)

    def is_gap(self, chunk: Chunk) -> bool:
        """True if records between what is held and this chunk were fetched and got lost on the way."""
        return chunk.start > self.expected.get(chunk.topic, chunk.start)

    def add(self, decoded: Decoded) -> None:
        """Append what `fit` has let through."""
        chunk = decoded.chunk
        self.expected[chunk.topic] = chunk.end
        self.chunks.append(decoded)
        self.rows += len(chunk.records)
        self.size += decoded.size

    def take(self, rows: int, size: int) -> list[Decoded]:
        """Remove and return the oldest chunks, until one of the limits is reached; at least one chunk."""
        taken_rows = taken_size = count = 0
        for decoded in self.chunks:
            count += 1
            taken_rows += len(decoded.chunk.records)
            taken_size += decoded.size
            if taken_rows >= rows or taken_size >= size:
                break
        taken, self.chunks = self.chunks[:count], self.chunks[count:]
        self.rows -= taken_rows
        self.size -= taken_size
        return taken


def by_topic(chunks: list[Decoded]) -> dict[str, list[Decoded]]:
    """The chunks of each topic, in order."""
    topics: dict[str, list[Decoded]] = {}
    for decoded in chunks:
        topics.setdefault(decoded.chunk.topic, []).append(decoded)
    return topics


def ranges_of(chunks: list[Decoded], starts: dict[str, int]) -> Ranges:
    """Per topic the range that the chunks cover, from `starts` on. Raises InvariantBroken where they leave a hole."""
    ends = dict(starts)
    for decoded in chunks:
        chunk = decoded.chunk
        if chunk.start != ends[chunk.topic]:
            raise InvariantBroken(
                f"a chunk of {chunk.topic} begins at {chunk.start}, and what is before it ends at {ends[chunk.topic]}",
                Invariant.RANGE_NOT_COVERED,
            )
        ends[chunk.topic] = chunk.end
    return {topic: (start, ends[topic]) for topic, start in starts.items()}
