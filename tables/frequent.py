"""A summary of the most frequent values in bounded memory (Misra & Gries, 1982; merged as Agarwal et al., 2012).

It is exact up to MOST different values. Beyond that the count of the one after KEPT is taken from all, and whoever has
none left is dropped: each time at least KEPT + 1 counts lose as much, so none is short by more than 1 / (KEPT + 1) of
all that was counted, in whatever order summaries are made and merged. So addresses that nobody has seen twice, such as
those of searches, cannot fill the memory.
"""

KEPT = 1000
MOST = 2 * KEPT
"""Twice as many, so that not every batch has to sort."""


def trimmed(counts: dict[str, int]) -> dict[str, int]:
    """The same within its bound."""
    if len(counts) <= MOST:
        return counts
    short = sorted(counts.values(), reverse=True)[KEPT]
    return {value: count - short for value, count in counts.items() if count > short}
