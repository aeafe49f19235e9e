"""What a rule looks at: one measure of one window, for one key, at one moment."""

import math
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

Key = tuple[tuple[str, str], ...]
"""Names and values, as `(("currency", "USD"),)`; empty for the total."""

Number = int | float | Decimal


@dataclass(frozen=True, slots=True)
class Observation:
    """A reading. Raises ValueError where `at` has no time zone."""

    window: str
    measure: str
    at: datetime
    """The moment that the value is about: the end of a closed window, or when an open one was read."""
    value: Number | None
    """0 where nothing happened; None where the value is not known."""
    key: Key = ()
    stale: bool = False
    """The value is an old one, given for want of a newer: as good as none."""

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError(f"the reading of {self.window}.{self.measure} at {self.at} has no time zone; give it one")

    @property
    def known(self) -> Number | None:
        """The value that may be judged: finite and not stale, else None."""
        if self.value is None or self.stale or not math.isfinite(self.value):
            return None
        return self.value


def text_of(key: Key) -> str:
    """`currency=USD,city=Rome`; `total` for the empty key."""
    return ",".join(f"{name}={value}" for name, value in key) or "total"
