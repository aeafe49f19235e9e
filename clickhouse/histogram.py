"""Histograms: what a rollup keeps of whole numbers, so that any percentile of any of its groups can be read.

A histogram is a column `SimpleAggregateFunction(sumMap, Map(UInt32, UInt64))`: how often each value came, the values
rounded to seven significant binary digits. Up to 128 that is every whole number, and above it 64 steps from each
power of two to the next, so what is told is off by at most `ERROR` of itself. Merging adds counts: it loses nothing,
and whatever the order, equal rows give an equal map, which a reconciliation compares as it is.

Values beyond `MOST` are counted as `MOST` (25 days of milliseconds, 68 years of seconds); there are none below zero.
The formula stands here and, since a migration never changes, in the views of 0013; a test holds these to it.
"""

import re
from typing import Final

DIGITS: Final = 7
"""Significant binary digits that are kept."""
MOST: Final = 2**31
"""The largest value that is told from others."""
ERROR: Final = 1 / (2**DIGITS + 1)
"""How far a value may lie from what it is counted as, as a share of itself: 0.78 %."""
KIND: Final = "SimpleAggregateFunction(sumMap, Map(UInt32, UInt64))"
"""The type of a histogram's column."""
_ASKED: Final = re.compile(r"\{quantile\((0\.\d+), (\w+)\)\}")


def rounded(value: int) -> int:
    """What a value, zero or above, is counted as.

    >>> rounded(0), rounded(127), rounded(129), rounded(1000), rounded(1_000_000), rounded(2**40) == 2**31
    (0, 127, 128, 1000, 999424, True)
    """
    value = min(value, MOST)
    width = 1 << max(0, value.bit_length() - DIGITS)
    return round(value / width) * width


def cut_sql(value: str) -> str:
    """The value as it is counted, in SQL: no larger than `MOST`."""
    return f"least({value}, {MOST})"


def width_sql(cut: str) -> str:
    """How far the values that a histogram tells lie apart around one, in SQL; `cut` is what `cut_sql` gives.

    A logarithm that comes out too small at a power of two does no harm: the power is a multiple of either width.
    """
    return f"exp2(greatest(0, floor(log2({cut})) - {DIGITS - 1}))"


def counted_sql(cut: str, width: str) -> str:
    """One value as a map to be summed, in SQL, of what `cut_sql` and `width_sql` give."""
    return f"map(toUInt32(round({cut} / {width}) * {width}), toUInt64(1))"


def quantile_sql(level: float, column: str) -> str:
    """The value below which this share of all lies, in SQL, of the histograms of a group; NULL where nothing came.

    The rank is that of ClickHouse's `quantileExact`: of n values in their order the one with floor(level * n) before
    it. So a rollup and the events tell the same one, but for its rounding.
    """
    all_of = f"sumMap({column})"
    return (
        f"arrayFirstOrNull((value, upto) -> upto > {level} * arraySum(mapValues({all_of})), "
        f"mapKeys({all_of}), arrayCumSum(mapValues({all_of})))"
    )


def filled(sql: str) -> str:
    """A statement with its placeholders `{quantile(0.95, duration)}` filled in."""
    return _ASKED.sub(lambda found: quantile_sql(float(found[1]), found[2]), sql)
