"""Signs of life of one shard, for its liveness: a part that is away is met time and again, a task that hangs is not."""

import time


class Pulse:
    """When the shard last went on, or tried to.

    A batch may be held for hours while ClickHouse or the broker is away, and left to age for minutes; each try and
    each look at the clock is a sign of life. To restart the worker would mend nothing then. What gives none waits for
    something that never ends.
    """

    def __init__(self) -> None:
        self._at = time.monotonic()

    def beat(self) -> None:
        """The shard is alive."""
        self._at = time.monotonic()

    def silent_seconds(self, now: float) -> float:
        """Seconds since the last sign; `now` is the monotonic clock."""
        return now - self._at
