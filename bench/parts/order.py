"""What a contestant is asked for in one lap; the benchmark hands it on in the environment."""

import os
from enum import StrEnum
from typing import NamedTuple

PREFIX = "PART_"
PARTITIONS = 2
"""Of each topic."""


class Part(StrEnum):
    """What is done with the records."""

    CONSUME = "consume"
    """Fetch, and count records and bytes by topic."""
    DECODE = "decode"
    """Fetch, decode and validate by the product's rules, and count by event type."""
    WINDOWS = "windows"
    """Fetch, read type and time of each event and nothing else, and count by minute and type."""
    LIMITS = "limits"
    """What lies below: no engine at all."""


class Order(NamedTuple):
    """One lap's work, and what it takes to be done with it."""

    part: Part
    records: int
    """In the topics, from their beginnings."""
    readable: int
    """Of them those whose type and time can be read."""
    closed: int
    """Of those the ones in windows that later events of the same type and partition close."""

    def environment(self) -> dict[str, str]:
        """What `given` reads."""
        return {f"{PREFIX}{name.upper()}": str(value) for name, value in self._asdict().items()}


def given() -> Order:
    """The order that the environment names. Raises KeyError outside the benchmark."""
    part, *counts = (os.environ[f"{PREFIX}{name.upper()}"] for name in Order._fields)
    return Order(Part(part), *map(int, counts))
