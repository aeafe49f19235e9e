"""The accepted records of one topic and event type as values by column: what their rows will say, event by event."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.device import describe
from agents.judge import Kind
from streams.events import EventSpec
from streams.moments import Stamps
from streams.sampling import SAMPLED_TYPE

LATEST = 10_413_791_999_999
"""The last millisecond of the year 2299."""

_USER_AGENT = "user_agent"
_DEVICE = ("device_type", "browser", "os")


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one topic and event type; sequences run in parallel."""

    topic: str
    offsets: Sequence[int]
    occurred_at: Stamps
    appended_at: Stamps
    """Milliseconds since 1970, as a DateTime64 can hold them."""
    values: Mapping[str, Sequence[Any]]
    """By column; None where an event says nothing."""
    same: Mapping[str, Any]
    """Columns that say the same in all of these rows."""


class Rendering:
    """Makes the parts of one event type."""

    def __init__(self, spec: EventSpec) -> None:
        self._spec = spec
        self._names = [column.name for column in spec.columns]

    def __call__(self, kind: Kind, rate: float) -> Part:
        """The rows of these records; `rate`: share of sampled events kept."""
        spec, made, events = self._spec, kind.columns, kind.columns.events
        values: dict[str, Sequence[Any]] = {
            "event_id": [event.id for event in events],
            "source": [event.source for event in events],
        }
        values |= {name: made[name] for name in self._names}
        if _USER_AGENT in spec.fields:
            values |= self._devices(made[_USER_AGENT])
        return Part(
            spec.topic,
            kind.offsets,
            made.stamps,
            np.clip(np.asarray(kind.stamps, np.int64), 0, LATEST),
            values,
            {
                "topic": spec.topic,
                "event_type": spec.name,
                "event_version": spec.version,
                "sample_rate": rate if spec.name == SAMPLED_TYPE else 1.0,
            },
        )

    @staticmethod
    def _devices(agents: Sequence[Any]) -> dict[str, Sequence[Any]]:
        devices = map(describe, agents)
        return dict(zip(_DEVICE, zip(*devices, strict=True), strict=True))


def bounded(stamp: int) -> int:
    """A timestamp as a DateTime64 can hold it: a producer may send any number."""
    return min(max(stamp, 0), LATEST)
