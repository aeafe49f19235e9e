"""Which windows of a shard have closed since they changed last, so that their numbers are to be kept."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from tables.panes import Panes
from tables.window import Session, Slices, Window
from tables.wire import Key, answers, merge_states


class Closed(NamedTuple):
    """A tumbling window that ended at or before the watermark."""

    window: Window
    start: int
    key: Key
    states: list[Any]
    revision: int


class Closing:
    """Remembers what changed until it is written."""

    def __init__(self, panes: Panes) -> None:
        self._panes = panes
        self._changed: dict[tuple[str, int], set[Key]] = {}
        self._underway: set[tuple[str, int]] = set()
        """Windows that were taken and are not written yet: their panes may still be needed."""

    def note(self, changed: Mapping[tuple[str, int], set[Key]]) -> None:
        """Take note of lines that were written (keys by slices and pane)."""
        for (name, pane), keys in changed.items():
            slices = self._panes.declared.slices[name]
            for window in slices.windows:
                if window.is_kept:
                    start = pane // window.size * window.size
                    self._changed.setdefault((window.name, start), set()).update(keys)

    def due(self, watermark: int) -> list[tuple[str, int]]:
        """Windows (name, start) with changes that have ended at this watermark (ms)."""
        windows = self._panes.declared.windows
        return [place for place in self._changed if (place[1] + windows[place[0]].size) * 1000 <= watermark]

    def written_to(self, watermark: int) -> int:
        """The time (ms) below which everything that closed by this watermark is written."""
        return min([start * 1000 for _, start in (*self.due(watermark), *self._underway)], default=watermark)

    def read(self, place: tuple[str, int]) -> Iterator[Closed]:
        """The present numbers of the changed keys of a window."""
        window = self._panes.declared.windows[place[0]]
        slices = self._panes.declared.slices[window.over.name]
        for key in self._changed.get(place, ()):
            states, revision = self._whole(slices, window, place[1], key)
            if states is not None:
                yield Closed(window, place[1], key, states, revision)

    def take(self, place: tuple[str, int]) -> set[Key]:
        """Forget the changes of a window: they are about to be written. `again` if that fails, then `over`."""
        self._underway.add(place)
        return self._changed.pop(place, set())

    def again(self, place: tuple[str, int], keys: set[Key]) -> None:
        """What `take` took was not written."""
        self._changed.setdefault(place, set()).update(keys)

    def over(self, places: Iterable[tuple[str, int]]) -> None:
        """What `take` took of these windows was written, or is noted again."""
        self._underway.difference_update(places)

    def _whole(self, slices: Slices, window: Window, start: int, key: Key) -> tuple[list[Any] | None, int]:
        states: list[Any] | None = None
        revision = 0
        for pane in range(start, start + window.size, slices.pane):
            line = self._panes.table.get((slices.name, self._panes.shard, pane), {}).get(key)
            if line is not None:
                states = merge_states(slices, states, line.states)
                revision = max(revision, line.revision)
        return states, revision


def flat(slices: Slices | Session, states: list[Any], seconds: int) -> dict[str, Decimal]:
    """The answers as one map of numbers: parts of a measure are named `measure.part`; what is not known is left out."""
    found: dict[str, Decimal] = {}
    for name, value in answers(slices, states, seconds).items():
        parts = value.items() if isinstance(value, dict) else value if isinstance(value, list) else [("", value)]
        for part, number in parts:
            if number is not None:
                found[f"{name}.{part}" if part else name] = round(Decimal(number), 6)
    return found
