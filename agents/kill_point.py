"""Named places in the delivery protocol at which a test can stop the process dead: WORKER_KILL_AT."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Literal

from streams.errors import ConfigurationError

When = Literal["before", "after"]


class Step(Enum):
    """Every await of the delivery, in the order in which a shard gets there; reads side by side share one.

    Its name in WORKER_KILL_AT, the number of its step in agents/deliver.py, and what has happened once it is over.
    """

    label: str
    number: str
    done: str

    def __init__(self, label: str, number: str, done: str) -> None:
        self.label = label
        self.number = number
        self.done = done

    OPEN = ("recover-open", "1", "the reader of the log is connected")
    WITNESS = ("recover-witness", "1", "ClickHouse has told the highest batch that it holds")
    CHAIN = ("recover-chain", "1", "the log was read from there to its end")
    HELD = ("recover-held", "1", "the rows of all records after the witness's were counted, but for the last one")
    BEGIN = ("begin", "1", "the first record of a chain is in the log, acknowledged or not")
    BOUNDS = ("recover-bounds", "1", "the topics have told where they begin and end")
    MEMORY = ("recover-memory", "1", "the accepted events are known again")
    WINDOWS = ("recover-windows", "1", "the open windows are counted again, below the last batch")
    AGAIN_READ = ("again-read", "1", "the records of the last batch were fetched again")
    AGAIN = ("again", "1", "the last batch is delivered, as its record says")
    SEEK = ("recover-seek", "1", "the group's consumer stands where the chain ends")
    FILL = ("fill", "2", "a batch is due, or the shard is to close")
    CLOCK = ("clock", "2", "ClickHouse's clock is known; the batch is judged next")
    INTENT = ("intent", "3", "the record is appended, acknowledged or not")
    INTENT_READ = ("intent-read", "3", "the chain was read up to it: it is valid, or another's is")
    DELIVER = ("deliver", "4", "all that follows up to `line`, as far as ClickHouse took it")
    INSERT_RIDES = ("insert-events_raw", "4", "ClickHouse has taken the rides, with their views")
    INSERT_TICKETING = ("insert-events", "4", "ClickHouse has taken ticketing, with its views")
    INSERT_DEAD_LETTERS = ("insert-dead_letters", "4", "ClickHouse has taken the dead letters")
    COUNT = ("count", "4", "the rows of one table were counted against the record (R6)")
    LETTERS = ("dead-letter-topic", "4", "the dead letters are in their topic")
    LINE = ("line", "1, 4, 5", "the witness has the line of a record without rows")
    AGE_OUT = ("age-out", "4", "the batch has aged, and no query of it runs (R8)")
    MISSING = ("count-missing", "4", "its rows were counted, offset by offset")
    REFUSED = ("refused-rows", "4", "the rows that one table refuses are found (R7)")
    LEDGER = ("repairs", "4", "the ledger says that its views may lack rows")
    SUPERSEDE = ("supersede", "4", "the record that names what is missing is in the log, and valid")
    VIEWS = ("views", "1, 4", "what the views of superseded batches lacked is there")
    RECOUNT = ("recount", "4", "the windows are counted again without the refused rows")
    COMMIT = ("commit", "4", "the group's offsets were handed over, for tools")
    CLOSE = ("close", "5", "the empty intent is in the log, and its line in ClickHouse")
    PUBLISH = ("windows-publish", "beside", "live numbers are in Redis")
    KEEP = ("windows-keep", "beside", "closed windows are in `metrics_realtime`")
    REPLAY = ("replay", "`millrace dlq replay`", "the letters are sent; before it they are claimed")


_BY_LABEL = {each.label: each for each in Step}
_armed: tuple[Step, str] | None = None
_left = 0


def insert_of(table: str) -> Step:
    """The insert into one of the tables that batches are delivered to."""
    return _BY_LABEL[f"insert-{table}"]


def arm(place: str | None) -> None:
    """Kill this process at `step:before`, `step:after` or `step:before:3` (the third time it gets there).

    None or empty: nowhere. Raises ConfigurationError for a place that there is not.
    """
    global _armed, _left
    if not place:
        _armed = None
        return
    label, _, rest = place.partition(":")
    when, _, count = rest.partition(":")
    if label not in _BY_LABEL or when not in ("before", "after") or not (count or "1").isdecimal() or count == "0":
        raise ConfigurationError(
            f"WORKER_KILL_AT={place}: must be STEP:before or STEP:after, with :N for the N-th time; the steps are "
            f"{', '.join(_BY_LABEL)}"
        )
    _armed, _left = (_BY_LABEL[label], when), int(count or 1)


def point(at: Step, when: When) -> None:
    """A step begins (`before`) or has ended (`after`)."""
    global _left
    if _armed is None or _armed[0] is not at or _armed[1] != when:
        return
    _left -= 1
    if _left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def step(at: Step) -> Iterator[None]:
    """Around what a step awaits; it has not ended if this raises."""
    point(at, "before")
    yield
    point(at, "after")
