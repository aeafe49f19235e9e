"""How the workers' panes stand in Redis: names of the keys, and what their values look like.

    {group}:live:shards                           set: numbers of all shards that have ever published
    {group}:live:shard:{n}                        hash: `stamp` (intent seq), `epoch` (publisher), `calls` of it so far,
                                                  `status` (JSON), `heard` (when that came, ms by Redis's clock)
    {group}:live:pane:{slices}@{d}:{n}:{start}    hash: key of the window as a JSON list of texts -> JSON list of states
    {group}:live:news                             channel: the number of a shard that has just published

Values are absolute, so a repeat changes nothing. They are written by one script, which refuses a stamp below the stored
one: a stalled former owner of a shard cannot set the numbers back. Pane keys expire by themselves. `d` is the dialect
of the slices (`tables.window`): what a version that counts otherwise has published is not read, and `Status` says so.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from tables.window import Session, Slices

Key = tuple[str | int, ...]
"""Values of the key columns."""
Panes = Mapping[Key, Sequence[Any]]
"""States of one pane by key; a state is None where nothing was seen."""
KEYS_CACHED = 16_384
"""Keys whose text is remembered, some 300 bytes each: the same ones are told again every second."""
_json = msgspec.json.Encoder(order="sorted")
"""Equal states are equal texts."""


class Status(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a shard says of itself each time it publishes. Times are milliseconds since 1970."""

    as_of: int
    """The publisher's clock."""
    watermark: int = 0
    """No event older than this is expected any more, but late ones."""
    seq: int = 0
    """The intent that the numbers hold."""
    state: str = ""
    """As on the worker's page: running, closed, waiting, ..."""
    lag: int = 0
    """Records in Kafka that no delivered batch has taken."""
    freshness_p95: float | None = None
    """Seconds from record to queryable row, of the newest batch; None before the first."""
    late: int = 0
    """Events counted as late since this owner began."""
    rows: dict[str, int] = {}
    """Rows delivered since this owner began, by domain."""
    domains: list[str] = []
    """Domains of whose topics there has ever been a record; silence says something of these alone."""
    dead: dict[str, int] = {}
    """Dead letters since this owner began, by reason."""
    sessions: dict[str, int] = {}
    """Sessions that have not ended, by window."""
    worker: str = ""
    """Address of the owner's pages."""
    epoch: str = ""
    """Which sending of everything these numbers go on from; another one means that any pane may have changed."""
    dialect: str = ""
    """Of all that its version counts; where a reader's is another one, not all of its numbers are read."""
    close_seconds: float = 60.0
    """A shard whose `as_of` is older than this has no living owner."""


def shards_key(group: str) -> str:
    """The set of shards."""
    return f"{group}:live:shards"


def shard_key(group: str, shard: int) -> str:
    """The hash of one shard."""
    return f"{group}:live:shard:{shard}"


def news_channel(group: str) -> str:
    """The channel on which each shard says that it has published."""
    return f"{group}:live:news"


def pane_key(group: str, slices: Slices, shard: int, start: int) -> str:
    """The hash of one pane; `start` in seconds since 1970."""
    return f"{group}:live:pane:{slices.name}@{slices.dialect}:{shard}:{start}"


@lru_cache(KEYS_CACHED)
def encode_key(key: Key) -> str:
    """A window's key; H3 cells, which are integers, as hexadecimal."""
    return msgspec.json.encode([f"{part:x}" if isinstance(part, int) else part for part in key]).decode()


def decode_key(text: str | bytes) -> tuple[str, ...]:
    """As a reader sees it."""
    return tuple(msgspec.json.decode(text, type=list[str]))


def encode_states(slices: Slices | Session, states: Sequence[Any]) -> str:
    """The states of one key, in the order of the measures."""
    encoded = _json.encode(
        [
            state if state is None or type(state) is int else measure.encode(state)
            for measure, state in zip(slices.over.measures, states, strict=True)
        ]
    )
    return encoded.decode()


def decode_states(slices: Slices | Session, text: str | bytes) -> list[Any]:
    """The states that `encode_states` wrote."""
    values = msgspec.json.decode(text)
    return [
        None if value is None else measure.decode(value)
        for measure, value in zip(slices.over.measures, values, strict=True)
    ]


def merge_states(slices: Slices | Session, states: Sequence[Any] | None, others: Sequence[Any]) -> list[Any]:
    """Two lines of states as one."""
    if states is None:
        return list(others)
    merged, measures = list(states), slices.over.measures
    for place, other in enumerate(others):  # most are None: an event type is of interest to few measures
        if other is not None:
            state = merged[place]
            merged[place] = other if state is None else measures[place].merge(state, other)
    return merged


def without_states(slices: Slices, states: Sequence[Any], others: Sequence[Any]) -> list[Any]:
    """A line of states without others that were merged into it."""
    return [
        state if other is None else measure.minus(state, other)
        for measure, state, other in zip(slices.over.measures, states, others, strict=True)
    ]


def answers(slices: Slices | Session, states: Sequence[Any] | None, seconds: int) -> dict[str, Any]:
    """What a person is shown, by measure; of nothing at all if there are no states."""
    measures = slices.over.measures
    given = states if states is not None else [None] * len(measures)
    return {measure.name: measure.answer(state, seconds) for measure, state in zip(measures, given, strict=True)}
