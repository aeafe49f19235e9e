"""Records without a broker."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Line:
    """A record of one byte."""

    offset: int
    topic: str = "t"
    partition: int = 0
    timestamp: int = 0
    key: bytes | None = None
    value: bytes | None = b"x"
    headers: Sequence[tuple[str, bytes | None]] = field(default_factory=tuple)
