"""Records that go to Kafka together, and what became of them."""

import asyncio
import time
from enum import StrEnum
from typing import Any

from aiokafka.errors import (
    InvalidTopicError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)

Place = tuple[str, int]
"""Topic and partition."""

TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)
NOT_WRITTEN = (*TOO_LARGE, TopicAuthorizationFailedError, InvalidTopicError)
"""Answers of a broker that has certainly written nothing."""


class Fate(StrEnum):
    """What became of the records of a lot."""

    OPEN = "open"
    """Nothing is known yet."""
    ACKNOWLEDGED = "acknowledged"
    """All in-sync replicas have them."""
    TOO_LARGE = "too_large"
    """The broker takes no message of that size: none of them was written."""
    UNSENT = "unsent"
    """None of them was written."""
    UNKNOWN = "unknown"
    """They may or may not have been written."""


class Lot:
    """One batch of records for one partition; the records of several requests may share it."""

    __slots__ = ("_batch", "began", "closed", "done", "fate", "handed", "place", "size")

    def __init__(self, place: Place, batch: Any, loop: asyncio.AbstractEventLoop) -> None:
        """`batch`: aiokafka's builder."""
        self.place = place
        self.fate = Fate.OPEN
        self.done: asyncio.Future[None] = loop.create_future()
        """Done when the fate is known; never holds an error."""
        self.began = time.monotonic()
        self.size = 0
        """Bytes of keys and values."""
        self.handed = False
        """The connection has it, so it may have been written."""
        self.closed = False
        self._batch = batch

    def append(self, key: bytes, value: bytes) -> bool:
        """Take one more record, if there is room; the first one always finds it."""
        if self.closed or self._batch.append(timestamp=None, key=key, value=value) is None:
            return False
        self.size += len(key) + len(value)
        return True

    def take(self) -> Any:
        """The batch, to be sent; nothing more is appended."""
        self.closed = True
        return self._batch

    def end(self, error: BaseException | None) -> None:
        """Note what became of it."""
        if self.fate is not Fate.OPEN:
            return
        if error is None:
            self.fate = Fate.ACKNOWLEDGED
        elif isinstance(error, TOO_LARGE):
            self.fate = Fate.TOO_LARGE
        else:
            self.fate = Fate.UNKNOWN if self.handed and not isinstance(error, NOT_WRITTEN) else Fate.UNSENT
        self._batch = None
        self.done.set_result(None)
