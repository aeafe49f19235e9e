"""Whether the shards of this worker may send: no hold is in force, as far as was seen lately (R10).

The list of erased persons is read with the holds, so that whoever goes on after a hold has read what was listed before.
"""

import time

import structlog

from agents.suppress import Suppressed
from clickhouse.holds import Holds
from streams.errors import SinkUnavailable

log = structlog.get_logger(__name__)

LOOK_SECONDS = 2.0
"""How often a worker reads the holds."""
BLIND_SECONDS = 30.0
"""A worker that has not seen the holds for so long sends nothing more."""


def seconds_to_wait(age: float, settle: float) -> float:
    """After so long nobody who has not seen a new hold can still write: neither a blind worker nor a stalled one."""
    return BLIND_SECONDS + age + settle


class Gate:
    """Closed until the holds were read for the first time."""

    def __init__(self, holds: Holds, suppressed: Suppressed) -> None:
        self._holds = holds
        self._suppressed = suppressed
        self._seen_at = float("-inf")
        self.reason: str | None = "the holds were not read yet"
        """Why nothing may be sent; None if it may."""

    async def look(self) -> None:
        """Read the holds anew. Raises SinkUnavailable; then the last reading stays in force for BLIND_SECONDS."""
        active = await self._holds.active()
        # After the holds: what was listed before one was released is known by whoever no longer sees it.
        why = await self._suppressed.look()
        self._seen_at = time.monotonic()
        reason = "; ".join(f"{hold.name}: {hold.reason}" for hold in active) or why
        if reason != self.reason:
            log.info("shards are held" if reason else "shards may run", why=reason or "no hold is in force")
        self.reason = reason

    @property
    def silent_seconds(self) -> float:
        """How long ClickHouse has not told the holds; infinite before it did for the first time."""
        return time.monotonic() - self._seen_at

    def check(self) -> None:
        """Raise SinkUnavailable if a batch may not be sent now."""
        if self.reason is not None:
            raise SinkUnavailable(f"the shards are held: {self.reason}")
        if self.silent_seconds > BLIND_SECONDS:
            raise SinkUnavailable("ClickHouse has not told for long whether maintenance holds the shards")
