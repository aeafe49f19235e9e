"""Remembers the (source, id) of accepted events, so that an event sent again is dropped and counted."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest, xxh3_128_digest

SEGMENTS = 3
"""Parts of the ring; the oldest is forgotten as a whole when the newest is full."""
SOURCES = 10_000
"""Distinct (partition, source) seeds kept at most; they are cheap to compute again."""
_U64 = np.uint64
_TAG = _U64(0xFFFFFFFF00000000)
_INDEX = _U64(0x00000000FFFFFFFF)


class Identified(Protocol):
    """What this stage reads of an event."""

    @property
    def source(self) -> str: ...
    @property
    def id(self) -> str: ...


class Table:
    """An open-addressing table from 128-bit keys to positions in a ring, probed for a whole chunk at a time.

    A slot is 32 bits of the key beside position + 1 (0: free), so that a miss rarely touches the ring.
    """

    def __init__(self, capacity: int) -> None:
        """`capacity`: keys it will ever hold; the load stays below a half."""
        self.mask = (1 << max(4, (2 * capacity - 1).bit_length())) - 1
        self.slots = np.zeros(self.mask + 1, dtype=_U64)

    def find(
        self, high: NDArray[np.uint64], low: NDArray[np.uint64], ring: Ring
    ) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        """The ring position of every key, or -1, and the slot where the search for it ended."""
        found = np.full(len(high), -1, dtype=np.int64)
        mask = _U64(self.mask)
        ended = low & mask
        going = np.arange(len(high))
        while len(going):
            value = self.slots[ended[going]]
            taken = value != 0
            matching = np.flatnonzero(taken & ((value & _TAG) == (high[going] & _TAG)))
            if len(matching):
                which = going[matching]
                position = (value[matching] & _INDEX).astype(np.int64) - 1
                same = (ring.high[position] == high[which]) & (ring.low[position] == low[which])
                found[which[same]] = position[same]
                taken[matching[same]] = False
            going = going[taken]
            ended[going] = (ended[going] + _U64(1)) & mask
        return found, ended

    def put(self, high: NDArray[np.uint64], low: NDArray[np.uint64], positions: NDArray[np.int64], ring: Ring) -> None:
        """Point every key at its position. Keys must be distinct; a key already here moves to its new position."""
        mask = _U64(self.mask)
        known, slot = self.find(high, low, ring)
        value = (high & _TAG) | (positions.astype(_U64) + _U64(1))
        self.slots[slot[known >= 0]] = value[known >= 0]
        slot, value = slot[known < 0], value[known < 0]
        while len(slot):
            free = self.slots[slot] == 0
            self.slots[slot[free]] = value[free]
            # Where two wanted one slot the last write won; the others move on.
            left = self.slots[slot] != value
            slot = (slot[left] + _U64(1)) & mask
            value = value[left]


class Ring:
    """The remembered keys in the order of entry, with their offset and their time."""

    def __init__(self, size: int) -> None:
        self.high = np.zeros(size, dtype=_U64)
        self.low = np.zeros(size, dtype=_U64)
        self.offset = np.zeros(size, dtype=np.int64)
        self.second = np.zeros(size, dtype=np.uint32)


class Draft:
    """The events of one batch, between filling and the valid intent: enter it then, or let it go."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.fresh: dict[bytes, int] = {}

    def duplicates(
        self, topic: str, partition: int, offsets: Sequence[int], events: Sequence[Identified], at: float
    ) -> set[int]:
        """Indices of the events whose (source, id) stands at an earlier offset, in the memory or this batch.

        Pass what would become a row, in offset order. `at`: Unix seconds of now or of the batch.
        """
        if not events:
            return set()
        memory, fresh = self.memory, self.fresh
        keys = memory.keys(topic, partition, events)
        marked = set(memory.repeated(keys, offsets, at).tolist())
        chunk = dict(zip(keys, offsets, strict=True))
        if len(chunk) == len(keys) and fresh.keys().isdisjoint(chunk):
            for index in marked:
                del chunk[keys[index]]
            fresh.update(chunk)
            return marked
        for index, key in enumerate(keys):
            if index not in marked:
                if key in fresh:
                    marked.add(index)
                else:
                    fresh[key] = offsets[index]
        return marked

    def enter(self, at: float) -> None:
        """Remember the batch's events from now on: its intent is valid. `at`: the batch's `ingested_at`."""
        self.memory.enter_keys(list(self.fresh), list(self.fresh.values()), at)
        self.fresh = {}


class Memory:
    """The last accepted events of a worker, over all its topic partitions, in about 60 bytes each.

    An event is remembered until `events` others were entered after it or `seconds` have passed since it was
    (whole seconds), whichever comes first. Keys are XXH3-128 of the id, seeded with partition and source and a
    secret of this process: equal ids of other partitions never meet, and no pair of ids collides twice. Nothing
    of it leaves the process; what was decided stands in the intent.
    """

    def __init__(self, events: int = 2_000_000, seconds: float = 600) -> None:
        self.events = events
        self.seconds = seconds
        self._secret = secrets.token_bytes(16)
        self._epochs: dict[tuple[str, int], int] = {}
        self._seeds: dict[tuple[str, int, str], int] = {}
        self._count = 0
        # One segment may be empty at any time, so the others must hold the horizon alone.
        self._part = -(-events // (SEGMENTS - 1))
        self._ring = Ring(self._part * SEGMENTS)
        self._tables = [Table(self._part) for _ in range(SEGMENTS)]

    def __len__(self) -> int:
        """Events remembered, those beyond the seconds included."""
        return min(self._count, self.events)

    @property
    def nbytes(self) -> int:
        """Bytes that the memory takes when it is full; the system hands them out as they are used."""
        ring = self._ring
        arrays: list[NDArray[Any]] = [
            ring.high,
            ring.low,
            ring.offset,
            ring.second,
            *(table.slots for table in self._tables),
        ]
        return sum(array.nbytes for array in arrays)

    def draft(self) -> Draft:
        """Begin a batch."""
        return Draft(self)

    def keys(self, topic: str, partition: int, events: Sequence[Identified]) -> list[bytes]:
        """The 16-byte key of every event."""
        if len(self._seeds) > SOURCES:
            self._seeds.clear()
        seeds = {source: self._seed_of(topic, partition, source) for source in {event.source for event in events}}
        return [xxh3_128_digest(event.id.encode("utf-8", "surrogatepass"), seeds[event.source]) for event in events]

    def _seed_of(self, topic: str, partition: int, source: str) -> int:
        place = (topic, partition, source)
        seed = self._seeds.get(place)
        if seed is None:
            seed = self._seeds[place] = self._seed(*place)
        return seed

    def _seed(self, topic: str, partition: int, source: str) -> int:
        epoch = self._epochs.get((topic, partition), 0)
        text = f"{len(topic)}:{topic}{partition}:{epoch}:{source}"
        return xxh3_64_intdigest(self._secret + text.encode("utf-8", "surrogatepass"))

    def repeated(self, keys: list[bytes], offsets: Sequence[int], at: float) -> NDArray[np.intp]:
        """Indices of the keys that stand in the memory, within its horizon, at an earlier offset."""
        ring, size = self._ring, len(self._ring.high)
        high, low = _halves(keys)
        repeated = np.zeros(len(keys), dtype=bool)
        own = np.asarray(offsets, dtype=np.int64)
        for number, table in enumerate(self._tables):
            if self._count <= number * self._part:
                break
            position, _ = table.find(high, low, ring)
            hit = np.flatnonzero(position >= 0)
            if len(hit) == 0:
                continue
            where = position[hit]
            age = (self._count - 1 - where) % size
            good = (age < self.events) & (ring.offset[where] < own[hit])
            good &= ring.second[where] >= max(0, int(at - self.seconds))
            repeated[hit[good]] = True
        return np.flatnonzero(repeated)

    def enter(
        self, topic: str, partition: int, offsets: Sequence[int], events: Sequence[Identified], at: float
    ) -> None:
        """Remember events without asking first: another owner's valid batch, or rows read from ClickHouse.

        Pass them in offset order; `at` is their `ingested_at` in Unix seconds.
        """
        first = dict(zip(reversed(self.keys(topic, partition, events)), reversed(offsets), strict=True))
        self.enter_keys(list(first)[::-1], list(first.values())[::-1], at)

    def forget(self, topic: str, partition: int) -> None:
        """Forget one partition's events, on assignment: from now on its keys have another seed."""
        place = (topic, partition)
        self._epochs[place] = self._epochs.get(place, 0) + 1
        self._seeds = {key: seed for key, seed in self._seeds.items() if key[:2] != place}

    def enter_keys(self, keys: list[bytes], offsets: Sequence[int], at: float) -> None:
        """Append distinct keys to the ring, clearing the oldest segment whenever the newest is full."""
        ring, size = self._ring, len(self._ring.high)
        high, low = _halves(keys)
        own = np.asarray(offsets, dtype=np.int64)
        done = 0
        while done < len(keys):
            start = self._count % size
            segment = start // self._part
            table = self._tables[segment]
            if start % self._part == 0 and self._count >= size:
                table.slots.fill(0)
            step = slice(done, done + min(len(keys) - done, (segment + 1) * self._part - start))
            taken = step.stop - done
            into = slice(start, start + taken)
            ring.high[into], ring.low[into] = high[step], low[step]
            ring.offset[into] = own[step]
            ring.second[into] = max(0, int(at))
            table.put(high[step], low[step], np.arange(start, start + taken), ring)
            self._count += taken
            done += taken


def _halves(keys: list[bytes]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    both = np.frombuffer(b"".join(keys), dtype=_U64).reshape(-1, 2)
    return np.ascontiguousarray(both[:, 0]), np.ascontiguousarray(both[:, 1])
