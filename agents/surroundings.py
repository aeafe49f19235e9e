"""What the shards of one worker share: settings, stores, and the ways to Kafka."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agents.deduplicate import Memory
from agents.deliver import Limits, Store
from agents.flow import Flow
from agents.gate import Gate
from agents.judge import Policy
from agents.log import IntentLog
from agents.pace import Pace
from agents.recover import Beginning
from agents.render import Render
from agents.source import Source
from agents.windows import Realtime


@dataclass(frozen=True, slots=True)
class Sizes:
    """Limits of what a shard takes and waits for."""

    buffer_bytes: int
    event_bytes: int
    idle_seconds: float
    repeat_seconds: float
    dead_share: float
    dead_records: int
    partitions: int
    idle_topic_seconds: float
    skew_seconds: float
    """How far the events of a topic may be ahead of the slowest one's."""
    seconds_a_part: float
    """Least time from one batch of a shard to the next, for each part that it made in a table (R8)."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """All that the shards of a worker share."""

    group: str
    version: str
    topics: frozenset[str]
    flow: Flow
    stores: Sequence[Store]
    """One a ClickHouse shard."""
    memory: Memory
    memory_seconds: float
    render: Render
    policy: Policy
    sizes: Sizes
    limits: Limits
    beginning: Beginning
    gate: Gate
    realtime: Realtime
    counted: asyncio.Event
    """Set whenever the windows of a shard have counted a batch."""
    page: str
    """Address of this worker's pages; empty if it has none."""
    intent_log: Callable[[int], IntentLog]
    source: Callable[[int], Source]
    pace: Pace
    """When batches are sent."""
