"""Mixes faults, repeats and late events into valid traffic, in known numbers."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from heapq import heappop, heappush

import msgspec

from streams.world.dice import Dice
from streams.world.faults import spoiled
from streams.world.record import Record, on_the_wire, rfc3339

REPEAT_RECORDS = 5_000
"""A repeat follows within so many records, and within REPEAT_SECONDS: inside every worker's memory."""
REPEAT_SECONDS = 60.0
LATE_SECONDS = (600.0, 21_600.0)
"""How far in the past a late event lies."""


@dataclass(frozen=True, slots=True)
class Shares:
    """Of all records; together below 1."""

    invalid: float = 0.0
    duplicate: float = 0.0
    late: float = 0.0


def mix(events: Iterator[Record], shares: Shares, dice: Dice, run: str, rate: float) -> Iterator[Record]:
    """Records without end. `rate`: records a second, by which repeats are timed."""
    fresh = 1 - shares.invalid - shares.duplicate
    repeated, late = shares.duplicate / fresh, shares.late / fresh
    within = max(1, min(REPEAT_RECORDS, int(rate * REPEAT_SECONDS)))
    waiting: list[tuple[int, int, Record]] = []
    number = 0
    while True:
        if waiting and waiting[0][0] <= number:
            yield heappop(waiting)[2]
        else:
            record = next(events)
            if dice.chance(shares.invalid / (1 - shares.duplicate)):
                number += 1
                yield spoiled(record, f"{run}-x{number:x}", dice)
            if dice.chance(late):
                record = _late(record, dice)
            if dice.chance(repeated):
                again = replace(record, repeat=True, late=False)
                heappush(waiting, (number + 1 + dice.hot(within), number, again))
            yield record
        number += 1


def _late(record: Record, dice: Dice) -> Record:
    """The same event, said to have happened long ago."""
    seconds = on_the_wire(record.time - dice.between(*LATE_SECONDS))
    whole = msgspec.json.decode(record.value or b"")
    value = msgspec.json.encode({**whole, "time": rfc3339(seconds)})
    return replace(record, value=value, time=seconds, late=True)
