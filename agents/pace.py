"""When a batch is sent: as soon as it is full, or old enough; later while its shard is behind."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from agents.buffer import Buffer
from agents.flow import Intake

BEHIND: Final = 4.0
"""A batch gathers so many times longer while more waits in the topics than it still takes. What has waited there is
hardly later for it, and each batch costs ClickHouse some tens of parts, however small it is."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the batches of one shard gather."""

    rows: int
    """Of a batch at most."""
    size: int
    """Source bytes of a batch at most."""
    seconds: float
    """Age at which it is sent although it is not full."""
    stretch: Callable[[], float]
    """How many times that age, by the number of parts in ClickHouse."""

    def is_full(self, buffer: Buffer) -> bool:
        """Whether the buffer holds a whole batch."""
        return buffer.rows >= self.rows or buffer.size >= self.size

    def due(self, buffer: Buffer, intake: Intake, first_at: float, now: float) -> float:
        """When the batch that began at `first_at` is to be sent, by the clock of both, in seconds; then ask again."""
        if self.is_full(buffer):
            return first_at
        usual = self.seconds * self.stretch()
        is_old = now >= first_at + usual
        is_behind = is_old and buffer.rows + intake.waiting(buffer.expected) > self.rows
        return first_at + usual * (BEHIND if is_behind else 1.0)
