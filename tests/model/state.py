"""The world of the model: a log of intents, a table with a memory of tokens, a clock, and two workers.

Everything is a tuple, so that a state can be put into a set. What a worker knows dies with it; what it has sent goes
on without it: an append or an insert on its way arrives later, or never.
"""

from enum import StrEnum
from typing import NamedTuple

Offsets = frozenset[int]
NOTHING: Offsets = frozenset()


class Record(NamedTuple):
    """An intent of one topic: offsets `start` to `end`, of which `rows` are accepted."""

    seq: int
    previous: str
    nonce: str
    start: int
    end: int
    rows: Offsets
    dead: Offsets
    """What its verdict names as refused."""
    born: int
    """The clock when it was proposed: `ingested_at`."""
    missing: Offsets | None = None
    """Set in a superseding record."""

    @property
    def token(self) -> tuple[int, str]:
        """What ClickHouse knows the insert by."""
        return self.seq, self.nonce

    @property
    def wanted(self) -> Offsets:
        """What it still has to deliver."""
        return self.rows if self.missing is None else self.missing


BEGIN = Record(0, "", "begin", 0, 0, NOTHING, NOTHING, 0)


class Insert(NamedTuple):
    """A block on its way: to the server, or in it after its age was looked at."""

    token: tuple[int, str]
    rows: Offsets
    born: int
    since: int = 0
    """The clock when the server began with it."""


class Step(StrEnum):
    """Where a worker stands."""

    DOWN = "down"
    READY = "ready"
    """All of the last record is in ClickHouse, as far as it knows."""
    APPENDING = "appending"
    SENDING = "sending"
    """The record is valid; its rows are not acknowledged."""
    COUNTING = "counting"
    """It has aged: its rows are counted when nothing can arrive any more."""
    STOPPED = "stopped"
    """A person has to look."""


class Worker(NamedTuple):
    """What a worker knows."""

    step: Step
    last: Record
    """The valid record it stands on; while appending, the one it follows."""
    own: Record | None
    """What it appends."""
    proposals: int
    """How many records it has made: its nonces differ."""
    unknown: bool
    """Somebody may have delivered the record before, in whole or in part."""
    cuts: int = 0
    """How often the log had been cut when it was read: its offsets tell."""


class World(NamedTuple):
    """One state."""

    clock: int
    log: tuple[Record, ...]
    """What is in it."""
    history: tuple[Record, ...]
    """What became valid, also before the log was cut."""
    witness: tuple[int, str] | None
    """Seq and nonce of the newest record of which ClickHouse has a row."""
    table: tuple[int, ...]
    """Rows by offset."""
    tokens: frozenset[tuple[tuple[int, str], int]]
    """Remembered tokens, and when each came."""
    appends: frozenset[Record]
    """Appends whose sender was told nothing: they may arrive late."""
    network: frozenset[Insert]
    running: frozenset[Insert]
    workers: tuple[Worker, Worker]
    faults: int
    """How many may still happen."""
    cuts: int = 0
    """How often the log was cut."""
