"""One record for Kafka, with what will become of it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from streams.errors import Reject
from streams.events import registry

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
    """Event time in seconds since 1970."""
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
    spec = registry.events[event_type]
    for name in spec.keys:
        key = data.get(name)
        if key is not None:
            break
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
    return Record(spec.topic, str(key).encode(), value, event_type, seconds, driver)


def rfc3339(seconds: float) -> str:
    """Seconds since 1970 as UTC text with milliseconds."""
    moment = datetime.fromtimestamp(round(seconds, 3), UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
