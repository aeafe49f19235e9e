"""Waiting for something that another process does, with a deadline instead of a sleep."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable

PAUSE = threading.Event()


def _pause(began: float) -> float:
    """A tenth of what has been waited, so that what takes long is not asked for all the time."""
    return min(0.5, max(0.02, (time.monotonic() - began) / 10))


def until(what: str, condition: Callable[[], object], seconds: float = 60) -> None:
    """Return as soon as the condition holds; fail the test, saying what was waited for, when it never does."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() > began + seconds:
            raise AssertionError(f"waited {seconds} s in vain for: {what}")
        PAUSE.wait(_pause(began))


async def eventually(what: str, condition: Callable[[], Awaitable[object]], seconds: float = 60) -> None:
    """The same in a coroutine, for a condition that has to be awaited."""
    began = time.monotonic()
    while not await condition():
        if time.monotonic() > began + seconds:
            raise AssertionError(f"waited {seconds} s in vain for: {what}")
        await asyncio.sleep(_pause(began))
