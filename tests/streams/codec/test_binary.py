"""CloudEvents in binary mode: the same events, the same refusals."""

import json
from random import Random

import pytest

from streams import codec
from streams.codec import EnvelopeStruct, Refusal
from streams.errors import Reject
from streams.events import EventSpec, registry
from streams.events.sample import sample

Headers = list[tuple[str, bytes | None]]


def apart(spec: EventSpec) -> tuple[Headers, bytes, bytes]:
    """Headers and value of a sample, and the same sample in structured mode."""
    whole = sample(spec, Random(spec.name))
    headers: Headers = [(f"ce_{name}", str(value).encode()) for name, value in whole.items() if name != "data"]
    headers += [("content-type", b"application/json; charset=utf-8"), ("traceparent", b"\xff")]
    return headers, json.dumps(whole["data"]).encode(), json.dumps(whole).encode()


@pytest.mark.parametrize("spec", registry.events.values(), ids=str)
def test_both_modes_give_the_same_event(spec: EventSpec) -> None:
    headers, value, whole = apart(spec)
    assert codec.is_binary(headers)
    row = codec.decode_binary(headers, value, spec.topic)
    (same,) = codec.decode_values([whole], spec.topic)
    assert isinstance(row, EnvelopeStruct), row
    assert isinstance(same, EnvelopeStruct)
    assert (row.id, row.source, row.time, row.data) == (same.id, same.source, same.time, same.data)


HEADERS, VALUE, _ = apart(registry.events["booking.created"])


def test_structured_mode_has_no_such_headers() -> None:
    assert not codec.is_binary([("content-type", b"application/cloudevents+json")])
    assert codec.is_binary([("CE_SpecVersion", b"1.0")])


@pytest.mark.parametrize(
    ("headers", "value", "reason", "words"),
    [
        (HEADERS, None, Reject.MALFORMED, "no value"),
        (HEADERS, b"", Reject.MALFORMED, "Value should be JSON"),
        (HEADERS, VALUE[:-1], Reject.MALFORMED, "Value should be JSON"),
        (HEADERS, VALUE + b',"type":"trip.started"', Reject.MALFORMED, "Value should be JSON"),
        (HEADERS, b"[" * 100_000, Reject.MALFORMED, "Value should be JSON"),
        (HEADERS, VALUE.replace(b"user_id", b"\xff"), Reject.MALFORMED, "UTF-8"),
        (HEADERS, b"x" * 2_000_000, Reject.MALFORMED, "2000000 bytes"),
        (HEADERS, b"[]", Reject.INVALID, "object"),
        (HEADERS, b"{}", Reject.INVALID, "Field required"),
        (HEADERS[1:], VALUE, Reject.MALFORMED, "Field required"),
        ([*HEADERS, ("ce_id", b"\xff")], VALUE, Reject.MALFORMED, "Header ce_id should be UTF-8"),
        ([*HEADERS, ("ce_id", None)], VALUE, Reject.MALFORMED, "Header ce_id has no value"),
        ([*HEADERS, ("ce_id", b"a\x00")], VALUE, Reject.MALFORMED, "control characters"),
        ([*HEADERS, ("content-type", b"text/xml")], VALUE, Reject.MALFORMED, "content-type should be application/json"),
    ],
)
def test_refusals(headers: Headers, value: bytes | None, reason: Reject, words: str) -> None:
    result = codec.decode_binary(headers, value, "rides.booking")
    assert isinstance(result, Refusal), result
    assert result.reason is reason
    assert words in result.message
