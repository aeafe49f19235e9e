"""Hears from Redis that a shard has published, so that who waits for new numbers need not look for them."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import redis.asyncio as redis
from redis.exceptions import RedisError

from tables.wire import news_channel

HEAR_SECONDS = 1.0
"""Longest wait for a message before the connection is looked after."""
AGAIN_SECONDS = 1.0
"""Pause before a lost connection is tried again."""


class News:
    """Wakes all who wait. While Redis is away nobody is woken, and everybody looks by the clock."""

    def __init__(self, client: redis.Redis, group: str, heard: Callable[[], None]) -> None:
        """`heard` is called at each piece of news, before anybody is woken."""
        self._client = client
        self._channel = news_channel(group)
        self._heard = heard
        self._next = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def next(self) -> asyncio.Event:
        """Set by the next piece of news, and for ever; take it before you look, or you miss what comes meanwhile."""
        return self._next

    def start(self) -> None:
        """Begin to listen."""
        self._task = asyncio.create_task(self._run(), name="news")

    async def stop(self) -> None:
        """Listen no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            with suppress(RedisError, OSError):
                await self._listen()
            await asyncio.sleep(AGAIN_SECONDS)

    async def _listen(self) -> None:
        async with self._client.pubsub(ignore_subscribe_messages=True) as channel:
            await channel.subscribe(self._channel)
            while True:
                if await channel.get_message(timeout=HEAR_SECONDS) is not None:
                    self._heard()
                    waiting, self._next = self._next, asyncio.Event()
                    waiting.set()
