"""Bytes to events and back: fast structs derived from the event classes, pydantic's verdict on what they refuse.

    results = codec.decode_values([b'{"specversion":"1.0",...}'], topic="rides.booking")

Where a JSON object names a field twice the last one holds, as in Python. Unknown fields are tolerated.
"""

from collections.abc import Sequence

from streams.codec.binary import Headers, is_binary, structured
from streams.codec.decode import MAX_BYTES, MAX_DEPTH, Decoded, Decoder
from streams.codec.encode import encode
from streams.codec.structs import EnvelopeStruct, data_struct, envelope_struct
from streams.codec.unknown import unknown_fields
from streams.codec.verdict import Refusal, judge, malformed
from streams.events import EventSpec, registry

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "SPEC_BY_STRUCT",
    "Decoded",
    "Decoder",
    "EnvelopeStruct",
    "Refusal",
    "data_struct",
    "decode_binary",
    "decode_values",
    "encode",
    "envelope_struct",
    "is_binary",
    "judge",
    "malformed",
    "spec_of",
    "unknown_fields",
]

_product = Decoder(registry)

SPEC_BY_STRUCT: dict[type[EnvelopeStruct], EventSpec] = _product.specs
"""The event's spec by the class of its decoded struct."""


def decode_values(values: Sequence[bytes | None], topic: str | None = None, limit: int = MAX_BYTES) -> list[Decoded]:
    """One struct or refusal for each value, in the same order; never raises for what a value holds.

    `topic`: the source topic they came from; a type that belongs on another is refused. `limit`: a value of more
    bytes is refused without being parsed.
    """
    return _product.values(values, topic, limit)


def decode_binary(headers: Headers, value: bytes | None, topic: str | None = None, limit: int = MAX_BYTES) -> Decoded:
    """The same for one record whose attributes are in its `ce_` headers (see `is_binary`)."""
    if value is not None and len(value) > limit:
        return malformed(f"Message has {len(value)} bytes; the limit is {limit}")
    try:
        whole = structured(headers, value)
    except ValueError as error:
        return malformed(str(error))
    return _product.values([whole], topic, 2 * limit)[0]


def spec_of(struct: type[EnvelopeStruct]) -> EventSpec:
    """The spec of a decoded struct's class."""
    return SPEC_BY_STRUCT[struct]
