"""One record for Kafka, with what will become of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from streams.errors import Reject
from streams.events import registry

Step = tuple[float, str, dict[str, Any]]
"""Time in seconds since 1970, event type and data."""
Journey = Iterator[Step]
"""What one visitor or ride does, in the order of time."""

_encode = msgspec.json.Encoder(decimal_format="string").encode


@dataclass(slots=True)
class Record:
    """What a producer sends, and the part of the truth that it stands for."""

    topic: str
    key: bytes
    value: bytes | None
    type: str
    """Event type; of a faulty record the type it was made from."""
    time: float
    """Event time in seconds since 1970, in whole milliseconds as on the wire."""
    driver_id: str | None = None
    """Driver of a location ping: whether it is kept depends on it."""
    fault: Reject | None = None
    """Why it must be refused."""
    kind: str = ""
    """Which fault was put in."""
    late: bool = False
    """Sent long after its event time."""
    repeat: bool = False
    """The same event was sent before."""


def compose(source: str, event_id: str, event_type: str, seconds: float, data: dict[str, Any]) -> Record:
    """The record of one valid event; amounts as strings, time with milliseconds, key by the topic's rule."""
    # What is on the wire counts: a ping just before a slot of sampling may be rounded into it.
    seconds = on_the_wire(seconds)
    spec = registry.events[event_type]
    key = next(data[name] for name in spec.keys if data.get(name) is not None)
    value = _encode(
        {
            "specversion": "1.0",
            "id": event_id,
            "source": source,
            "type": event_type,
            "time": rfc3339(seconds),
            "datacontenttype": "application/json",
            "data": data,
        }
    )
    driver = data["driver_id"] if event_type == "driver.location.updated" else None
    return Record(spec.topic, key.encode(), value, event_type, seconds, driver)


def on_the_wire(seconds: float) -> float:
    """The time as consumers read it: in whole milliseconds."""
    return round(seconds * 1000) / 1000


def rfc3339(seconds: float) -> str:
    """Seconds since 1970 as UTC text with milliseconds."""
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    return f"{_second(whole)}.{milliseconds:03d}Z"


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    # Many events share a second, and formatting one costs as much as encoding a whole event.
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").removesuffix("+00:00")
