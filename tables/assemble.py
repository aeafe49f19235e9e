"""Put windows together from panes."""

from collections.abc import Iterable, Mapping
from typing import Any

from tables.panes import Pane
from tables.window import Slices, Window
from tables.wire import Key, merge_states

Lines = dict[Key, list[Any]]
"""States by key."""


def starts(slices: Slices, window: Window, panes: Iterable[int]) -> list[int]:
    """The windows that these panes are parts of, oldest first; panes and windows by where they start."""
    return sorted({start for pane in panes for start in window.starts(pane, slices.pane)})


def assemble(slices: Slices, window: Window, start: int, panes: Mapping[int, Pane]) -> Lines:
    """The lines of the window that starts here, of panes by their start; a key without an event in it has none."""
    lines: Lines = {}
    for pane in range(start, start + window.size, slices.pane):
        for key, line in panes.get(pane, {}).items():
            lines[key] = merge_states(slices, lines.get(key), line.states)
    return lines
