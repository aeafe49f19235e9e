"""Put windows together from panes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tables.window import Slices, Window
from tables.wire import Key, merge_states

Windows = dict[tuple[int, Key], list[Any]]
"""States by start of the window and key."""


def assemble(slices: Slices, window: Window, panes: Iterable[tuple[int, Mapping[Any, Sequence[Any]]]]) -> Windows:
    """The windows that these panes (start, states by key) are parts of; one that has no event is not there."""
    found: Windows = {}
    for pane, lines in panes:
        for start in window.starts(pane, slices.pane):
            for key, states in lines.items():
                found[start, key] = merge_states(slices, found.get((start, key)), states)
    return found
