"""Work that blocks, beside the event loop."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


async def apart(work: Callable[..., T], *words: Any) -> T:
    """What work gives that blocks; done in a thread, which is waited for, whatever happens here."""
    following = asyncio.ensure_future(asyncio.to_thread(work, *words))
    try:
        return await asyncio.shield(following)
    except asyncio.CancelledError:
        await asyncio.wait([following])
        raise
