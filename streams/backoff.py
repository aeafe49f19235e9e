"""Waiting between tries: doubled each time, with jitter, up to a longest wait."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from streams.errors import SinkUnavailable

T = TypeVar("T")


@dataclass(slots=True)
class Backoff:
    """Seconds to wait next; jitter keeps the workers from trying all at once."""

    first: float
    longest: float
    tries: int = 0

    async def wait(self) -> None:
        """Sleep, and wait longer the next time."""
        seconds = min(self.longest, self.first * 2**self.tries)
        self.tries = min(self.tries + 1, 30)
        await asyncio.sleep(seconds * random.uniform(0.5, 1.0))


async def patiently(
    call: Callable[[], Awaitable[T]], backoff: Backoff, held: Callable[[SinkUnavailable], None] | None = None
) -> T:
    """Call until it is not refused with SinkUnavailable; `held` is told of each refusal."""
    while True:
        try:
            return await call()
        except SinkUnavailable as error:
            if held is not None:
                held(error)
            await backoff.wait()
