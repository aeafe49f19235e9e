"""Events for all contestants, and the truth of what must come of them, counted where they are made."""

from collections import Counter, deque
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import islice

import msgspec

from bench.peers.job import MINUTE, PARTITIONS
from bench.world import ID, Message
from streams.topics import partition_of
from streams.world import clock
from streams.world.dice import Dice
from streams.world.faults import spoiled
from streams.world.record import Record, rfc3339
from streams.world.traffic import events

ORIGINALS = 60_000
"""Events made for a phase at most; more are clones of these under other ids."""
SPAN = 300.0
"""Seconds of event time in a phase: five or six windows, less than anybody's grace."""
CLOSING = 1000.0
"""Event time, from a phase's beginning, of the events that close its windows."""
PHASE = 1020.0
"""Seconds of event time from one phase's beginning to the next one's."""
AGE = 2 * PHASE + 60.0
"""How long ago the first event of a race happened: everything lies in the past, and no window is forgotten yet."""
BAD = 1000
"""One event of so many is spoiled."""
REPEATED = 200
"""One event of so many is sent again."""
LATER = 500
"""How many repeats are on their way at the same time, each some 100,000 events behind the first one."""


@dataclass(slots=True)
class Truth:
    """What must be found when everything sent so far has been worked off."""

    sent: int = 0
    """Records in the topics, spoiled ones and repeats included."""
    rows: Counter[str] = field(default_factory=Counter)
    """Rows by event type."""
    dead: Counter[str] = field(default_factory=Counter)
    """Dead letters by reason."""
    minutes: Counter[tuple[int, str]] = field(default_factory=Counter)
    """Events by minute, in seconds since 1970, and type: those of all windows that later events have closed."""


class Backlog:
    """Makes the events of one round, phase by phase; in each phase time goes on from the last one."""

    def __init__(self, start: float, seed: int = 7, partitions: int = PARTITIONS) -> None:
        """`start`: event time of the first event, seconds since 1970; `AGE` ago for two phases."""
        self._start = start
        self._partitions = partitions
        self._dice = Dice(seed)
        self._truth = Truth()
        self._open: Counter[tuple[int, str]] = Counter()
        self._firsts: dict[tuple[str, int], Record] = {}
        """An event of every type in every partition that has had one."""

    @property
    def truth(self) -> Truth:
        """As of the last phase that was taken to its end."""
        return deepcopy(self._truth)

    def phase(self, number: int, count: int) -> Iterator[Message]:
        """So many events, a few of them spoiled, a few repeats, and the events that close the windows."""
        made = self._originals(self._start + number * PHASE, min(count, ORIGINALS))
        self._truth.minutes += self._open
        waiting: deque[Message] = deque()
        for n in range(count):
            record = made[n % len(made)]
            if n % BAD == BAD // 2:
                yield self._bad(record, f"bad-{number}-{n}")
                continue
            message = self._good(record, f"{number}-{n // len(made)}-")
            yield message
            if n % REPEATED == 0:
                waiting.append(message)
            if len(waiting) > LATER:
                yield self._again(waiting.popleft())
        yield from map(self._again, waiting)
        yield from self._closing(made, number)

    def _originals(self, start: float, count: int) -> list[Record]:
        rate = count / SPAN
        return list(islice(events(("rides", "ticketing"), self._dice, "bench", clock.live(start, rate), rate), count))

    def _good(self, record: Record, mark: str) -> Message:
        self._truth.sent += 1
        self._truth.rows[record.type] += 1
        self._truth.minutes[_minute(record.time), record.type] += 1
        return record.topic, record.key, (record.value or b"").replace(ID, ID + mark.encode(), 1)

    def _bad(self, record: Record, event_id: str) -> Message:
        """A record without a value is left out: not every engine hands one on."""
        bad = spoiled(record, event_id, self._dice)
        while bad.value is None:
            bad = spoiled(record, event_id, self._dice)
        self._truth.sent += 1
        self._truth.dead[str(bad.fault)] += 1
        return bad.topic, bad.key, bad.value

    def _again(self, message: Message) -> Message:
        self._truth.sent += 1
        return message

    def _closing(self, made: list[Record], number: int) -> Iterator[Message]:
        """One event of each type in each partition that has it, late enough to close every window before it."""
        at = self._start + number * PHASE + CLOSING
        for record in made:
            self._firsts.setdefault((record.type, partition_of(record.key, self._partitions)), record)
        self._open = Counter()
        for (kind, partition), record in self._firsts.items():
            whole = msgspec.json.decode(record.value or b"")
            whole |= {"id": f"closing-{number}-{kind}-{partition}", "time": rfc3339(at)}
            self._truth.sent += 1
            self._truth.rows[kind] += 1
            self._open[_minute(at), kind] += 1
            yield record.topic, record.key, msgspec.json.encode(whole)


def _minute(seconds: float) -> int:
    return int(seconds) // MINUTE * MINUTE
