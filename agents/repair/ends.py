"""Where each topic of a shard goes on when its chain has to begin anew."""

from collections.abc import Mapping
from dataclasses import dataclass

from agents.decode import decode
from agents.source import Source
from clickhouse.chains import ChainRows, Row
from streams import codec
from streams.intent import Ranges
from streams.topics import raw_table


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one topic: all below `done` was delivered whole, nothing from `seen` on was touched."""

    done: int
    seen: int
    why: str
    """What tells."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a topic goes on."""

    start: int
    """The first record that the new chain looks at."""
    end: int
    """Where its first batch ends; below it lies what the last batch of the old chain touched."""
    lost: tuple[int, int] | None
    """Offsets that no batch has taken and that the topic no longer holds."""
    why: str


def place(known: Known | None, begin: int, end: int, agreed: int | None) -> Place:
    """Decide for one topic whose log now holds offsets from `begin` to below `end`.

    `agreed`: the offset after the last row that is still the record at its place; None: every one that was looked at.
    """
    if known is None:
        return Place(begin, begin, None, f"nothing of it was delivered: at its beginning, {begin}")
    if agreed is not None:
        at = max(begin, agreed)
        told = "re-created" if agreed <= begin else f"cut at {agreed} and written on"
        return Place(at, at, None, f"the topic was {told}, for other records stand where rows came from: at {at}")
    if known.done < begin:
        at = max(begin, known.seen)
        return Place(begin, at, (known.done, begin), f"{known.why}, but the topic begins at {begin}")
    # A topic may end before `done` where what it lost left no rows: those records are gone either way.
    return Place(min(known.done, end), min(known.seen, end), None, known.why)


async def agreement(
    rows: ChainRows, source: Source, shard: int, chain: str, topic: str, known: Known, bounds: tuple[int, int]
) -> int | None:
    """Whether the topic still holds the records that rows came from: see `place`.

    Offsets alone cannot tell a topic that was re-created and has grown again. So the last row's record is read;
    where it is another one, the first that differs is found by halving: what a topic lost, it lost from there on.
    """
    begin, end = bounds
    table = raw_table(topic)
    last = await rows.nearest(table, shard, chain, topic, begin, known.seen)
    if last is None:
        # The rows are older than anything that the topic holds; only a shorter topic betrays itself.
        return begin if known.done > end else None
    if await _is_same(source, topic, last, end):
        return None
    low, high, agreed = begin, last.offset, begin
    while low < high:
        row = await rows.nearest(table, shard, chain, topic, low, (low + high + 1) // 2)
        if row is None:
            low = (low + high + 1) // 2
        elif await _is_same(source, topic, row, end):
            low = agreed = row.offset + 1
        else:
            high = row.offset
    return agreed


async def kept(rows: ChainRows, source: Source, shard: int, chain: str, bounds: Ranges) -> list[str]:
    """The topics that still hold the record that the chain's first row of them came from.

    One look a topic is enough where a topic is forgotten whole or not at all, and holds its beginning.
    """
    found = []
    for topic, row in (await rows.first(shard, chain)).items():
        if topic in bounds and await _is_same(source, topic, row, bounds[topic][1]):
            found.append(topic)
    return sorted(found)


async def _is_same(source: Source, topic: str, row: Row, end: int) -> bool:
    """Whether the record at a row's offset is the one that the row came from."""
    if row.offset >= end:
        return False
    chunk = (await source.read({topic: (row.offset, row.offset + 1)}))[topic]
    if not chunk.records or chunk.records[0].timestamp != row.appended_at:
        return False
    (found,) = decode(chunk, codec.MAX_BYTES).events
    id_ = (found.event_id or "") if isinstance(found, codec.Refusal) else found.id
    return bool(id_ == row.event_id)


def by_rows(
    complete: Mapping[str, int], touched: Mapping[str, int], committed: Mapping[str, int], floor: Mapping[str, int]
) -> dict[str, Known]:
    """What rows and committed offsets tell, where the last batch's record is lost.

    `complete`: ends of the rows of all batches before it; `touched`: its own rows too; `floor`: where the chain began,
    or the end of an older record that the log still holds. A commit followed a delivered batch, so all below it is
    done; it also covers what leaves no row (duplicates, samples left out).
    """
    found: dict[str, Known] = {}
    for topic in complete.keys() | touched.keys() | committed.keys() | floor.keys():
        told = {
            "the rows of the batches before the last end": complete.get(topic, 0),
            "the group committed": committed.get(topic, 0),
            "an older record of the log ends": floor.get(topic, 0),
        }
        why, done = max(told.items(), key=lambda item: item[1])
        found[topic] = Known(done, max(done, touched.get(topic, 0)), f"{why} at {done}")
    return found
