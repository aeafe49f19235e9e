"""From events to bytes: CloudEvents for producers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from streams.events.base import Event, EventSpec
from streams.events.envelope import Envelope

_encoder = msgspec.json.Encoder(enc_hook=str)  # the only class of ours is Money


def encode(
    spec: EventSpec,
    *,
    id: str,
    source: str,
    time: datetime | str,
    data: Mapping[str, Any] | Event,
    subject: str | None = None,
) -> bytes:
    """One CloudEvent in structured mode, validated. Raises pydantic's ValidationError for what nobody would accept."""
    model = data if isinstance(data, Event) else spec.model.model_validate(dict(data))
    given: dict[str, Any] = {"specversion": "1.0", "id": id, "source": source, "type": spec.name, "time": time}
    envelope = Envelope.model_validate(given | {"subject": subject})
    return _encoder.encode(
        {
            **envelope.model_dump(mode="json", exclude_none=True),
            "data": model.model_dump(mode="json", exclude_none=True),
        }
    )
