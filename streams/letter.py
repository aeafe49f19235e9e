"""A dead letter as people name it, choose it and see it; and what they did to it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from streams.errors import ConfigurationError

REPLAY_PREFIX = "millrace-replay-"
"""Headers that a replay adds; a dead letter keeps them when its record fails again."""

ATTEMPT_HEADER = REPLAY_PREFIX + "attempt"
"""How many replays a record has behind it, this one included."""


class State(StrEnum):
    """What has been done with a dead letter."""

    OPEN = "open"
    """Nothing yet, or a replay that certainly was not sent."""
    UNCERTAIN = "uncertain"
    """A replay began and its end is not known: it may or may not have been sent."""
    REPLAYED = "replayed"
    """Sent again; should it fail again, that is another dead letter."""
    DISCARDED = "discarded"
    """Given up by a person, with a reason."""


class LetterId(NamedTuple):
    """Names one dead letter for ever; written `topic:partition:offset`, and `@chain` where that is not enough."""

    topic: str
    partition: int
    offset: int
    chain: str = ""
    """Chain of intents that delivered it: tells it from one of an earlier topic of the same name."""

    def __str__(self) -> str:
        """The form that `parse` reads."""
        return f"{self.short}@{self.chain}" if self.chain else self.short

    @property
    def short(self) -> str:
        """Without the chain."""
        return f"{self.topic}:{self.partition}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> "LetterId":
        """Read `topic:partition:offset` or `topic:partition:offset@chain`. Raises ConfigurationError."""
        place, _, chain = text.partition("@")
        topic, _, rest = place.partition(":")
        partition, _, offset = rest.partition(":")
        if not (topic and partition.isdecimal() and offset.isdecimal()):
            raise ConfigurationError(
                f"{text!r} names no dead letter; write topic:partition:offset as `millrace dlq list` shows it"
            )
        return cls(topic, int(partition), int(offset), chain)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which dead letters are meant; empty fields let all pass."""

    ids: Sequence[LetterId] = ()
    reasons: Sequence[str] = ()
    types: Sequence[str] = ()
    topics: Sequence[str] = ()
    sources: Sequence[str] = ()
    fields: Sequence[str] = ()
    causes: Sequence[str] = ()
    states: Sequence[State] = ()
    since: datetime | None = None
    """Ingested then or later."""
    until: datetime | None = None
    """Ingested before."""
    most_attempts: int | None = None
    """Replays that a letter's record has behind it at most."""

    @property
    def is_empty(self) -> bool:
        """True if nothing narrows the letters down but their state and attempts."""
        chosen = (self.ids, self.reasons, self.types, self.topics, self.sources, self.fields, self.causes)
        return not any(chosen) and self.since is None and self.until is None


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter. The record itself (key, value, headers) is there only where it was asked for."""

    id: LetterId
    ingested_at: datetime
    appended_at: datetime
    reason: str
    field: str
    message: str
    event_type: str
    event_id: str
    source: str
    schema_version: int | None
    """Of the event's type; None where the type is not known."""
    app_version: str
    intent: int
    cause: str
    attempt: int
    """Replays that the record has behind it; 0 for one that a producer sent."""
    state: State
    actions: frozenset[str]
    """What was done to it, as ids of actions."""
    key: bytes | None = None
    value: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    """What is not UTF-8 in a name is escaped, as it would be sent again."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Dead letters that say the same: reason, event type and field."""

    cause: str
    """Fingerprint of the three, for filters."""
    reason: str
    event_type: str
    field: str
    count: int
    open: int
    first_seen: datetime
    last_seen: datetime
    app_version: str
    """The version that met it last."""
    example: str
    """Id of the newest one."""
    message: str
    """What it says."""


@dataclass(frozen=True, slots=True)
class Action:
    """A line of the audit."""

    letter: LetterId
    action: str
    kind: str
    phase: str
    attempt: int = 0
    actor: str = ""
    note: str = ""
    to_topic: str = ""
    to_partition: int = 0
    to_offset: int = 0
    edited: bool = False
    value: bytes = b""
    at: datetime | None = field(default=None, compare=False)
