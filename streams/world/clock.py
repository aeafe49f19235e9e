"""The time of generated events: the n-th event's moment, evenly or along the curve of a day."""

from bisect import bisect_left
from collections.abc import Callable
from itertools import accumulate

Clock = Callable[[int], float]
"""From the number of an event to its time in seconds since 1970, never falling."""

HOUR = 3600.0
HOURLY = (18, 11, 8, 6, 6, 9, 17, 32, 44, 40, 38, 42, 48, 46, 44, 47, 55, 70, 82, 85, 80, 74, 60, 36)
"""Activity by hour of the day, UTC: quiet at four, a shoulder in the morning, busiest in the evening."""
STEP = 300.0
"""The curve is laid out in pieces of five minutes."""


def live(start: float, rate: float) -> Clock:
    """Events happen as they are sent: `rate` a second from `start` on."""
    return lambda number: start + number / rate


def over(end: float, hours: float, count: int) -> Clock:
    """`count` events fill the `hours` before `end`, along the curve of the day."""
    begin = end - hours * HOUR
    pieces = max(1, round(hours * HOUR / STEP))
    step = (end - begin) / pieces
    totals = [0.0, *accumulate(activity(begin + (piece + 0.5) * step) for piece in range(pieces))]
    scale = count / totals[-1]

    def clock(number: int) -> float:
        wanted = number / scale
        piece = min(max(bisect_left(totals, wanted), 1), pieces)
        share = (wanted - totals[piece - 1]) / (totals[piece] - totals[piece - 1])
        return begin + (piece - 1 + min(share, 1.0)) * step

    return clock


def activity(seconds: float) -> float:
    """How busy the world is at this time: 1 is the busiest hour; between the hours it changes evenly."""
    hour = seconds / HOUR % 24
    before = int(hour)
    share = hour - before
    return (HOURLY[before] * (1 - share) + HOURLY[(before + 1) % 24] * share) / max(HOURLY)
