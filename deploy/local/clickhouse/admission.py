"""Who may run now: a few inserts and a few queries side by side, a short queue behind each."""

import asyncio
from collections.abc import Callable

from deploy.local.clickhouse.failures import refused


class Lane:
    """A bounded number of running queries and a bounded, impatient queue, as `max_concurrent_queries` means it."""

    def __init__(self, name: str, running: int, waiting: int, patience: float) -> None:
        """`patience` in seconds: who has waited longer is refused, so that nothing runs long after it was sent."""
        self._name = name
        self._slots = asyncio.Semaphore(running)
        self._running = running
        self._waiting_limit = waiting
        self._patience = patience
        self.waiting = 0

    async def enter(self) -> Callable[[object], None]:
        """Wait for a slot; the answer gives it back when called. Raises EngineError 202 if there is none in time."""
        if self._slots.locked() and self.waiting >= self._waiting_limit:
            raise self._full(f"and {self.waiting} are waiting")
        self.waiting += 1
        try:
            async with asyncio.timeout(self._patience):
                await self._slots.acquire()
        except TimeoutError:
            raise self._full(f"and this one has waited {self._patience:g} s") from None
        finally:
            self.waiting -= 1
        return lambda _: self._slots.release()

    def _full(self, why: str) -> Exception:
        text = f"Too many simultaneous {self._name}. Maximum: {self._running}, {why}; send fewer at a time"
        return refused(202, "TOO_MANY_SIMULTANEOUS_QUERIES", text)
