"""Random choices of a world: hot keys, waits and amounts, all from one seeded source."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Dice(Random):
    """`random.Random` with the draws that a world needs; seeded, so that equal worlds roll equally."""

    def chance(self, share: float) -> bool:
        """True in this share of the calls."""
        return self.random() < share

    def hot(self, count: int, heat: float = 3.0) -> int:
        """A number below `count`, the low ones far more often: with 3, a tenth of the numbers gets 46 %."""
        return int(count * self.random() ** heat)

    def hot_of(self, choices: Sequence[T], heat: float = 2.0) -> T:
        """One of the choices, the first ones more often."""
        return choices[int(len(choices) * self.random() ** heat)]

    def one_of(self, choices: Sequence[T]) -> T:
        """One of the choices, all alike."""
        return choices[int(len(choices) * self.random())]

    def between(self, low: float, high: float) -> float:
        """A number from `low` to `high`, all alike."""
        return low + (high - low) * self.random()


def cents(amount: int) -> str:
    """An amount in cents as text with two decimals.

    >>> cents(1205), cents(-30)
    ('12.05', '-0.30')
    """
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // 100}.{abs(amount) % 100:02d}"
