"""Waiting for something that another process does, with a deadline instead of a sleep."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable

PAUSE = threading.Event()


def until(what: str, condition: Callable[[], object], seconds: float = 20) -> None:
    """Return as soon as the condition holds; fail the test, saying what was waited for, when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain for: {what}")
        PAUSE.wait(0.02)


async def eventually(what: str, condition: Callable[[], Awaitable[object]], seconds: float = 20) -> None:
    """The same in a coroutine, for a condition that has to be awaited."""
    deadline = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain for: {what}")
        await asyncio.sleep(0.02)
