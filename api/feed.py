"""Sends each new answer to all who listen: made once however many listen, and for the slow only the newest."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

Message = tuple[str, bytes]
"""What it is called, and its JSON."""
Produce = Callable[[], Awaitable[Message]]
"""Makes the newest message of a topic; what goes wrong is a message too."""

LEAST_SECONDS = 0.25
"""Between two messages of a topic: nobody reads faster, and shards publish one after the other."""


class Mailbox:
    """What one client has not been sent yet: the newest message of each topic, so that it never grows."""

    def __init__(self) -> None:
        self.replaced = 0
        """Messages that were never sent, because a newer one came first."""
        self.closed = False
        self._waiting: dict[str, Message] = {}
        self._arrived = asyncio.Event()

    def put(self, topic: str, message: Message) -> None:
        """Leave a message in place of an older one of the same topic."""
        if topic in self._waiting:
            self.replaced += 1
        self._waiting[topic] = message
        self._arrived.set()

    def close(self) -> None:
        """Nothing more will come."""
        self.closed = True
        self._arrived.set()

    async def take(self) -> dict[str, Message]:
        """Wait for messages and take them; nothing once closed."""
        await self._arrived.wait()
        self._arrived.clear()
        taken, self._waiting = self._waiting, {}
        return {} if self.closed else taken


class _Feed:
    """One topic while somebody listens to it."""

    def __init__(self, topic: str, produce: Produce, feeds: "Feeds") -> None:
        self.listeners: set[Mailbox] = set()
        self.latest: Message | None = None
        self.task = asyncio.create_task(self._run(topic, produce, feeds))

    async def _run(self, topic: str, produce: Produce, feeds: "Feeds") -> None:
        loop = asyncio.get_running_loop()
        while True:
            news, began = feeds.news(), loop.time()
            self.latest = await produce()
            for mailbox in tuple(self.listeners):
                mailbox.put(topic, self.latest)
            await asyncio.sleep(began + min(feeds.seconds, LEAST_SECONDS) - loop.time())
            with suppress(TimeoutError):
                async with asyncio.timeout_at(began + feeds.seconds):
                    await news.wait()


class Feeds:
    """All topics that somebody listens to."""

    def __init__(self, seconds: float, news: Callable[[], asyncio.Event] = asyncio.Event) -> None:
        """`news` gives an event that is set as soon as there is something new to tell."""
        self.seconds = seconds
        """Longest time between two messages of a topic."""
        self.news = news
        self._feeds: dict[str, _Feed] = {}
        self._closed = False

    @property
    def listeners(self) -> int:
        """How many clients listen."""
        return len({mailbox for feed in self._feeds.values() for mailbox in feed.listeners})

    def mailboxes(self, topic: str) -> frozenset[Mailbox]:
        """Who listens to a topic."""
        feed = self._feeds.get(topic)
        return frozenset(feed.listeners) if feed is not None else frozenset()

    @contextmanager
    def listen(self, topics: Sequence[tuple[str, Produce]]) -> Iterator[Mailbox]:
        """A mailbox that gets the messages of these topics while inside, the first of them at once."""
        mailbox = Mailbox()
        for topic, produce in topics:
            feed = self._feeds.get(topic)
            if feed is None:
                feed = self._feeds[topic] = _Feed(topic, produce, self)
            feed.listeners.add(mailbox)
            if feed.latest is not None:
                mailbox.put(topic, feed.latest)
        if self._closed:
            mailbox.close()
        try:
            yield mailbox
        finally:
            for topic, _ in topics:
                self._leave(topic, mailbox)

    def _leave(self, topic: str, mailbox: Mailbox) -> None:
        feed = self._feeds.get(topic)
        if feed is not None:
            feed.listeners.discard(mailbox)
            if not feed.listeners:
                feed.task.cancel()
                del self._feeds[topic]

    def close(self) -> None:
        """Let every listener go."""
        self._closed = True
        for feed in self._feeds.values():
            for mailbox in feed.listeners:
                mailbox.close()
