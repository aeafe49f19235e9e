"""Names that were meant to be settings: a letter off, they would be ignored without a word."""

from collections.abc import Collection, Iterable

LETTERS_A_SLIP = 5
"""A longer name may be off by one letter for each so many; every name by one."""


def misspelt(given: Iterable[str], known: Collection[str]) -> dict[str, str]:
    """The given names that are settings but for a letter or so, and the setting each was meant to be.

    The word before the first `_` must be the setting's own, since other programs read variables of their own:
    KAFKA_HEAP_OPTS and CLICKHOUSE_HOST are near nothing. What is set under its right name was not meant either.
    """
    names = {name.upper() for name in given}
    settings = set(known)
    found: dict[str, str] = {}
    for name in sorted(names - settings):
        word, _, rest = name.partition("_")
        near = [(slips(name, other), other) for other in sorted(settings - names) if other.startswith(f"{word}_")]
        if near and min(near)[0] <= max(1, len(rest) // LETTERS_A_SLIP):
            found[name] = min(near)[1]
    return found


def slips(one: str, other: str) -> int:
    """Letters to add, drop, change, or swap with a neighbour, that make the other name of the one."""
    rows = [list(range(len(other) + 1))]
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, wanted in enumerate(other, 1):
            least = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (letter != wanted))
            if i > 1 and j > 1 and (one[i - 2], letter) == (wanted, other[j - 2]):
                least = min(least, rows[-2][j - 2] + 1)
            row.append(least)
        rows.append(row)
    return rows[-1][-1]
