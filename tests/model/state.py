"""The world of the model: a log of intents, a table with a memory of tokens, a clock, and two workers.

Everything is a tuple, so that a state can be put into a set. What a worker knows dies with it; what it has sent goes
on without it: an append or an insert on its way arrives later, or never.
"""

from enum import StrEnum
from typing import NamedTuple

from tests.model.rules import NOTHING, Offsets

Token = tuple[int, str]
Counts = tuple[int, ...]
"""A number by offset."""


class Record(NamedTuple):
    """An intent of one topic: offsets `start` to `end`, of which `rows` are accepted."""

    seq: int
    previous: str
    nonce: str
    start: int
    end: int
    rows: Offsets
    dead: Offsets
    """What its verdict names as refused, or as a repeat."""
    born: int
    """The clock when it was proposed: `ingested_at`."""
    missing: Offsets | None = None
    """Set in a superseding record."""

    @property
    def token(self) -> Token:
        """What ClickHouse knows the insert by."""
        return self.seq, self.nonce

    @property
    def wanted(self) -> Offsets:
        """What it still has to deliver."""
        return self.rows if self.missing is None else self.missing


BEGIN = Record(0, "", "begin", 0, 0, NOTHING, NOTHING, 0)


class Insert(NamedTuple):
    """A block on its way: to the server, or in it after its age was looked at."""

    token: Token
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
    TESTIFYING = "testifying"
    """The record makes no row: ClickHouse is to be told of it by a line. Only where the log does not last."""
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
    refused: Offsets = NOTHING
    """Rows of the record that ClickHouse is known to refuse."""
    counts: Counts = ()
    """How often each accepted event was counted: its windows, and its memory of repeats. Empty if it keeps none."""
    due: bool = False
    """The last record is not among them yet."""


class Told(NamedTuple):
    """Live numbers, as Redis has them."""

    stamp: int
    """Seq of the record up to which they count."""
    counts: Counts
    most: int
    """The highest stamp that was ever told."""


class Chore(StrEnum):
    """How far somebody has come who creates a view over the table."""

    NONE = "none"
    HELD = "held"
    """The shards are asked to close and hold."""
    COPIED = "copied"
    """The view's table has the rows of then."""
    DONE = "done"
    """Every insert fills it too, and the shards go on."""


class World(NamedTuple):
    """One state."""

    clock: int
    log: tuple[Record, ...]
    """What is in it."""
    history: tuple[Record, ...]
    """What became valid, also before the log was cut."""
    witness: Token | None
    """Seq and nonce of the newest record of which ClickHouse has a row or a line."""
    table: Counts
    """Rows by offset."""
    tokens: frozenset[tuple[Token, int]]
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
    told: Told | None = None
    chore: Chore = Chore.NONE
    view: Counts = ()
    """Rows by offset of the table that the view fills."""


Happened = tuple[str, World]


def with_worker(world: World, number: int, worker: Worker, **changes: object) -> World:
    """The world with another state of one worker, and whatever else changes."""
    workers = tuple(worker if n == number else each for n, each in enumerate(world.workers))
    return world._replace(workers=workers, **changes)  # type: ignore[arg-type]
