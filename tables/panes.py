"""The panes of one shard: events go in a batch at a time, each touched line is written once."""

from collections import Counter
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from streams.sampling import SAMPLED_TYPE
from tables.aggregates import WEIGHT, Aggregate
from tables.columns import Columns, Groups, folder
from tables.window import Declared, Slices
from tables.wire import Key, merge_states, without_states

Place = tuple[str, int, int]
"""Slices, shard and start of a pane; its key in the Faust table."""


@dataclass(slots=True)
class Line:
    """What is known of one key in one pane."""

    states: list[Any]
    revision: int
    """Seq of the intent that changed it last."""


Pane = dict[Key, Line]
Table = MutableMapping[Place, dict[Key, Any]]
"""Panes, and beside them what `tables.sessions` keeps."""
States = dict[Key, list[Any]]
"""States of one batch in one pane."""
Touched = dict[tuple[str, int], set[Key]]
"""Keys by slices and pane start."""


@dataclass(frozen=True, slots=True)
class _Feed:
    """How one event type is counted into slices."""

    slices: Slices
    pane: int
    measures: tuple[tuple[int, Aggregate], ...]


@dataclass(slots=True)
class Panes:
    """All panes of a shard."""

    shard: int
    declared: Declared
    table: Table
    late: Counter[str] = field(default_factory=Counter)
    """Events that came too late, by slices."""
    changed: Touched = field(default_factory=dict)
    """What was written since `take_changes`."""
    gone: list[tuple[str, int]] = field(default_factory=list)
    """Panes dropped since `take_changes`."""
    _starts: set[tuple[str, int]] = field(default_factory=set)
    _feeds: dict[str, list[_Feed]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Lines in memory."""
        return sum(len(pane) for _, _, pane in self)

    def __iter__(self) -> Iterator[tuple[Slices, int, Pane]]:
        """Slices, start and lines of every pane, by name and time."""
        for name, start in sorted(self._starts):
            if (name, start) in self._starts:  # whoever reads may wait in between
                yield self.declared.slices[name], start, self.table[name, self.shard, start]

    def apply(self, batch: Iterable[Columns], *, seq: int, watermark: int, rate: float) -> None:
        """Count a batch's accepted events. `watermark` (ms) and `rate` are the record's; `seq` becomes the revision.

        The states of all its event types are put together first, so that each touched line is written once.
        """
        gathered: dict[str, dict[int, States]] = {}
        for columns in batch:
            kind = columns.spec.name
            weight = round(WEIGHT / rate) if kind == SAMPLED_TYPE else WEIGHT
            for feed in self._feeds_of(kind):
                self._count(feed, columns, weight, watermark, gathered.setdefault(feed.slices.name, {}))
        for name, panes in gathered.items():
            for start, lines in panes.items():
                self.put(self.declared.slices[name], start, lines, seq)

    def put(self, slices: Slices, start: int, lines: States, seq: int) -> None:
        """Merge states into the lines of a pane, and write them."""
        place = (slices.name, start)
        if place not in self._starts:
            self._starts.add(place)
            self.table[slices.name, self.shard, start] = {}
        pane = self.table[slices.name, self.shard, start]
        for key, states in lines.items():
            line = pane.get(key)
            if line is None:
                pane[key] = Line(states, seq)
            else:
                pane[key] = Line(merge_states(slices, line.states, states), max(seq, line.revision))
        self.changed.setdefault(place, set()).update(lines)

    def take_back(self, slices: Slices, start: int, key: Key, states: Sequence[Any]) -> None:
        """Take states out of the line that they were merged into; a line without any is no line."""
        pane = self.table.get((slices.name, self.shard, start), {})
        if key not in pane:  # nothing needs the pane any more
            return
        left = without_states(slices, pane[key].states, states)
        self.changed.setdefault((slices.name, start), set()).add(key)
        if any(state is not None for state in left):
            pane[key].states = left
            return
        del pane[key]
        if not pane:
            self._drop(slices.name, start)

    def expire(self, watermark: int) -> None:
        """Drop the panes that no window needs any more at this watermark (ms)."""
        for name, start in list(self._starts):
            slices = self.declared.slices[name]
            if (start + slices.pane + slices.keep) * 1000 <= watermark:
                self._drop(name, start)

    def clear(self) -> None:
        """Drop all."""
        for name, start in list(self._starts):
            self._drop(name, start)

    def take_changes(self) -> tuple[Touched, list[tuple[str, int]]]:
        """What was written and what was dropped since the last call."""
        changed, gone = self.changed, self.gone
        self.changed, self.gone = {}, []
        return changed, gone

    def _drop(self, name: str, start: int) -> None:
        self._starts.discard((name, start))
        self.changed.pop((name, start), None)
        del self.table[name, self.shard, start]
        self.gone.append((name, start))

    def _feeds_of(self, event_type: str) -> list[_Feed]:
        feeds = self._feeds.get(event_type)
        if feeds is None:
            feeds = []
            for slices in self.declared.feeds(event_type):
                feeds.append(_Feed(slices, slices.pane, tuple(slices.over.of(event_type))))
            self._feeds[event_type] = feeds
        return feeds

    def _count(self, feed: _Feed, columns: Columns, weight: int, watermark: int, panes: dict[int, States]) -> None:
        slices = feed.slices
        fold = folder(feed.measures, len(slices.over.measures), columns, weight)
        for start, groups in columns.groups(feed.pane, slices.over.key, slices.over.where).items():
            if not self._in_time(feed, start, groups, watermark):
                continue
            lines = panes.setdefault(start, {})
            for key, members in groups.items():
                lines[key] = fold(members, lines.get(key))

    def _in_time(self, feed: _Feed, start: int, groups: Groups, watermark: int) -> bool:
        if (start + feed.pane + feed.slices.over.lateness) * 1000 > watermark:
            return True
        self.late[feed.slices.name] += sum(map(len, groups.values()))
        return False
