"""What is promised of rows, ranges and numbers, written once.

The model (tests/model) holds every state that it can reach to these, the fault harness (tests/faults) what it finds in
ClickHouse and Redis after a run.
"""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)
Rows = Mapping[int, Sequence[Hashable]]
"""By offset what each of its rows says."""


def misplaced(wanted: Rows, found: Rows) -> Iterator[tuple[int, str]]:
    """Every row that must be there is there once, and nothing else; else its offset and a word.

    `lost`, `doubled`, `changed` (it says something else), or `foreign` (nobody expects a row there).
    """
    for offset in wanted.keys() | found.keys():
        want, have = wanted.get(offset, ()), found.get(offset, ())
        if want != have:
            for what in _words(want, have):
                yield offset, what


def _words(wanted: Sequence[Hashable], found: Sequence[Hashable]) -> list[str]:
    """What is wrong with the rows of one offset, a word for each."""
    missing, extra = Counter(wanted) - Counter(found), Counter(found) - Counter(wanted)
    if not wanted:
        return ["foreign"] * extra.total()
    changed = min(missing.total(), extra.total())
    return ["changed"] * changed + ["lost"] * (missing.total() - changed) + ["doubled"] * (extra.total() - changed)


def astray(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges of one topic in a chain follow one another without gap or overlap, or are repeated; those that do not."""
    return [after for before, after in pairwise(ranges) if after[0] != before[1] and after != before]


def uneven(wanted: Mapping[Key, int], told: Mapping[Key, int]) -> list[tuple[Key, int, int]]:
    """Numbers equal what the rows give: those that do not, as key, what the rows give, and what is told."""
    keys = sorted(wanted.keys() | told.keys(), key=repr)
    return [(key, wanted.get(key, 0), told.get(key, 0)) for key in keys if wanted.get(key, 0) != told.get(key, 0)]
