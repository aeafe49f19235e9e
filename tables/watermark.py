"""The watermark of a shard: the event time below which it expects nothing any more, but late events.

Each topic's own watermark follows its newest event at a bounded distance, the disorder. The shard's is the least over
its topics, and never goes back. A topic that is idle, so that everything in it was taken and nothing comes, does not
hold the others: it advances by system time. One that has records waiting holds its place, however long they wait.

A shard that has never seen an event has no watermark: time alone does not make late what it has not begun to read, so
the history that a new pipeline is fed with first is counted.
"""

from collections.abc import Collection, Iterable


class Watermark:
    """The watermark of one shard; all times are milliseconds since 1970."""

    def __init__(self, topics: Iterable[str], disorder: int, start: int = 0) -> None:
        """`start`: what the last valid intent says; 0 knows nothing, so that nothing is late."""
        self._disorder = disorder
        self.value = start
        self.topics: dict[str, int] = dict.fromkeys(topics, start)
        """The watermark of each topic."""

    def seen(self, topic: str, newest: int, now: int) -> None:
        """A batch held events of this topic; `newest` is their largest time. A time ahead of `now` counts as now."""
        self.topics[topic] = max(self.topics.get(topic, 0), min(newest, now) - self._disorder)

    def advance(self, idle: Collection[str], now: int) -> int:
        """Take note of the idle topics, and tell the shard's watermark."""
        if not any(self.topics.values()):
            return self.value
        for topic in idle:
            self.topics[topic] = max(self.topics[topic], now - self._disorder)
        self.value = max(self.value, min(self.topics.values(), default=0))
        return self.value
