"""The events of the parts: the race's backlog with torn records alone for bad ones, and what a plain look counts in it.

Parts judge nothing, so nothing is in the way that has to be judged. The plain look reads every message as it is sent,
with Python's own JSON and nothing of the product's.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from bench.parts.order import PARTITIONS, Order, Part
from bench.parts.work import REFUSED, Found, consumed, told
from bench.peers.backlog import CLOSING, PHASE, Backlog
from bench.peers.job import MINUTE
from bench.world import Message
from streams.errors import Reject
from streams.world.record import Record


@dataclass(slots=True)
class Plain:
    """What lies in the topics, by a plain look at every message."""

    records: Counter[str] = field(default_factory=Counter)
    """By topic."""
    sizes: Counter[str] = field(default_factory=Counter)
    """Bytes of values by topic."""
    kinds: Counter[str] = field(default_factory=Counter)
    """By event type."""
    minutes: Counter[tuple[int, str]] = field(default_factory=Counter)
    """Events by minute, seconds since 1970, and type."""
    open: set[int] = field(default_factory=set)
    """Minutes that no later event closes; not every engine tells them."""

    def look(self, message: Message) -> None:
        """Count one."""
        topic, _, value = message
        self.records[topic] += 1
        self.sizes[topic] += len(value)
        try:
            whole = json.loads(value)
        except ValueError:
            self.kinds[REFUSED] += 1
            return
        kind = whole["type"]
        self.kinds[kind] += 1
        self.minutes[int(datetime.fromisoformat(whole["time"]).timestamp()) // MINUTE * MINUTE, kind] += 1

    def wanted(self, part: Part) -> Found:
        """What a contestant must find in a part."""
        if part is Part.CONSUME:
            return consumed(self.records, self.sizes)
        if part is Part.DECODE:
            return dict(self.kinds)
        return told(self._closed())

    def known(self, part: Part, found: Found) -> Found:
        """What of a contestant's counts can be held to the truth: no window that is still open."""
        if part is not Part.WINDOWS:
            return found
        return {line: count for line, count in found.items() if int(line.split()[0]) not in self.open}

    def order(self, part: Part) -> Order:
        """What a contestant is asked for."""
        return Order(part, self.records.total(), self.minutes.total(), self._closed().total())

    def _closed(self) -> Counter[tuple[int, str]]:
        return Counter({line: count for line, count in self.minutes.items() if line[0] not in self.open})


class Feed(Backlog):
    """The race's events."""

    def __init__(self, start: float, seed: int = 7) -> None:
        super().__init__(start, seed, PARTITIONS)
        self.plain = Plain()

    def phase(self, number: int, count: int) -> Iterator[Message]:
        """As Backlog; what is sent is looked at."""
        self.plain.open = {int(self._start + number * PHASE + CLOSING) // MINUTE * MINUTE}
        for message in super().phase(number, count):
            self.plain.look(message)
            yield message

    def _bad(self, record: Record, event_id: str) -> Message:
        """A record that is torn in the middle."""
        self._truth.sent += 1
        self._truth.dead[str(Reject.MALFORMED)] += 1
        value = record.value or b""
        return record.topic, record.key, value[: len(value) // 2]
