"""Memory that is free inside the process goes back to the system, so that a worker's size follows what it holds.

The C library and Arrow keep what was freed for the next batch. What a large batch or a backlog once took would stay for
good, and the space between what is left would grow.
"""

import asyncio
import ctypes
from collections.abc import Callable
from functools import cache

import pyarrow as pa


@cache
def _trim() -> Callable[[int], int] | None:
    """malloc_trim of the C library; None where it has none (musl, macOS)."""
    return getattr(ctypes.CDLL(None), "malloc_trim", None)


def give_back() -> None:
    """Return free pages to the system; takes a few milliseconds, and holds no lock of the interpreter meanwhile."""
    pa.default_memory_pool().release_unused()
    trim = _trim()
    if trim is not None:
        trim(0)


async def give_back_beside() -> None:
    """The same, in a thread: the loop goes on."""
    await asyncio.to_thread(give_back)
