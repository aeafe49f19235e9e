"""Panes as a reader holds them: read together in one round trip, decoded once, merged in blocks that are kept.

A pane is looked up again each time until nothing can change it any more, and once after that; then twice a minute.
What stands in Redis is compared before it is decoded, and merged states of neighbouring panes are kept as long as none
of them changed: an hour put together from sixty panes costs each second as much as what changed in it.
"""

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tables.window import Declared, Slices
from tables.wire import decode_key, decode_states, merge_states, pane_key

BLOCK = 10
"""Panes that are merged together."""
FINAL_SECONDS = 30.0
"""How long a pane that cannot change any more is believed without a look."""
KEPT_SECONDS = 90.0
"""How long a pane that nobody looks at is kept; longer than any read takes."""
MOST_BLOCKS = 8192

Text = tuple[str, ...]
"""A key as a reader sees it."""
Lines = Mapping[Text, Sequence[Any]]
"""States by key. Never changed once made."""
EMPTY: Lines = {}


class Place(NamedTuple):
    """One pane of one shard."""

    slices: str
    shard: int
    start: int


class _Pane(NamedTuple):
    raw: Mapping[bytes, bytes]
    lines: Lines
    read_at: float
    final: bool
    """Nothing could change it any more when it was read; what was read before may be old."""


class Panes:
    """The panes that were read last."""

    def __init__(self, group: str, declared: Declared) -> None:
        self._group = group
        self._declared = declared
        self._panes: dict[Place, _Pane] = {}
        self._blocks: OrderedDict[tuple[str, int, int], tuple[tuple[Lines, ...], Lines]] = OrderedDict()

    def believes(self, place: Place) -> bool:
        """Whether a pane that cannot change any more need not be looked up. An empty one costs nothing to look up."""
        held = self._panes.get(place)
        return held is not None and held.final and bool(held.raw) and held.read_at > time.monotonic() - FINAL_SECONDS

    def doubt(self, shard: int) -> None:
        """Look every pane of a shard up again."""
        self._panes = {
            place: held._replace(final=False) if place.shard == shard else held for place, held in self._panes.items()
        }

    def forget(self) -> None:
        """Drop what nobody has looked at for a while."""
        oldest = time.monotonic() - KEPT_SECONDS
        self._panes = {place: held for place, held in self._panes.items() if held.read_at > oldest}

    def key(self, place: Place) -> str:
        """Where the pane stands in Redis."""
        return pane_key(self._group, self._declared.slices[place.slices], place.shard, place.start)

    def take(self, slices: Slices, place: Place, raw: Mapping[bytes, bytes], final: bool) -> None:
        """Enter what Redis said of a pane; `final`: after it had said that nothing can change it any more."""
        held = self._panes.get(place)
        if not raw:
            lines = EMPTY
        elif held is not None and held.raw == raw:
            lines = held.lines
        else:
            known = held or _Pane({}, EMPTY, 0, final=False)
            lines = {}
            for name, text in raw.items():
                key = decode_key(name)
                lines[key] = known.lines[key] if known.raw.get(name) == text else decode_states(slices, text)
        self._panes[place] = _Pane(raw, lines, time.monotonic(), final)

    def merged(self, slices: Slices, shards: Sequence[int], start: int, end: int) -> Lines:
        """States by key of all shards, from the second `start` up to `end`; both are pane borders."""
        whole: Lines = EMPTY
        pane, block = slices.pane, slices.pane * BLOCK
        at = start
        while at < end:
            until = min((at // block + 1) * block, end)
            whole = _both(slices, whole, self._block(slices, shards, at, until, pane))
            at = until
        return whole

    def _block(self, slices: Slices, shards: Sequence[int], start: int, end: int, pane: int) -> Lines:
        parts = tuple(
            held.lines
            for at in range(start, end, pane)
            for shard in shards
            if (held := self._panes.get(Place(slices.name, shard, at))) is not None and held.lines
        )
        name = (slices.name, start, end)
        known = self._blocks.get(name)
        if known is not None and len(known[0]) == len(parts) and all(map(_is, known[0], parts)):
            return known[1]
        merged: Lines = EMPTY
        for part in parts:
            merged = _both(slices, merged, part)
        self._blocks[name] = (parts, merged)
        self._blocks.move_to_end(name)
        while len(self._blocks) > MOST_BLOCKS:
            self._blocks.popitem(last=False)
        return merged


def _is(one: Lines, other: Lines) -> bool:
    return one is other


def _both(slices: Slices, lines: Lines, others: Lines) -> Lines:
    """Two sets of lines as one; neither is changed."""
    if not lines or not others:
        return lines or others
    both = dict(lines)
    for key, states in others.items():
        both[key] = merge_states(slices, both.get(key), states)
    return both
