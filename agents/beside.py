"""One piece of work beside the task that waits for it, and never longer than that."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

T = TypeVar("T")


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, T], name: str) -> AsyncIterator[asyncio.Task[T]]:
    """Run `work` while the block runs, which awaits its result; it has ended when the block is left, however.

    A block that is left before the result is known cancels the work: a shard that is cut off, or that fails.
    """
    task = asyncio.create_task(work, name=name)
    try:
        yield task
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # who left the block has something to say of its own
