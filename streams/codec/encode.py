"""From events to bytes: CloudEvents for producers, and the payload's columns for the sink."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from streams.codec.structs import EnvelopeStruct
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


def payload_json(structs: Sequence[EnvelopeStruct]) -> list[bytes]:
    """The columns of each event's data as JSON without braces, such as `"booking_id":"b1","seats":2`.

    Positions and fields without a column are left out, and so are optional fields that were not given: ClickHouse
    fills NULL. While it runs, it sets those fields of the structs aside: no other thread may read them meanwhile.
    """
    if not structs:
        return []
    rows = [struct.data for struct in structs]
    by_type: dict[Any, list[Any]] = defaultdict(list)
    for row in rows:
        by_type[type(row)].append(row)
    aside: list[tuple[list[Any], str, list[Any]]] = []
    try:
        for kind, group in by_type.items():
            for name in kind.__set_aside__:
                aside.append((group, name, [getattr(row, name) for row in group]))
                for row in group:
                    setattr(row, name, msgspec.UNSET)
        lines = _encoder.encode_lines(rows)
    finally:
        for group, name, values in aside:
            for row, value in zip(group, values, strict=True):
                setattr(row, name, value)
    # A raw line break never stands inside JSON text, so this cuts between rows only.
    return lines[1:-2].split(b"}\n{")
