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


def was_asked_to_end() -> bool:
    """Whether a cancellation that was caught is meant for this task.

    Else a library has let the cancellation of something of its own out, as aiokafka does with its fetches while a
    broker is away. A task that takes it for its own end is gone without a word.
    """
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


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
