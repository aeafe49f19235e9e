"""Events to bytes: what producers send is what workers read."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from pydantic import ValidationError

from streams import codec
from streams.events import EventSpec, registry
from tests.strategies import valid_events

steady = settings(max_examples=200, deadline=None)


def decoded(whole: dict[str, Any]) -> codec.EnvelopeStruct:
    (row,) = codec.decode_values([json.dumps(whole).encode()])
    assert isinstance(row, codec.EnvelopeStruct), row
    return row


@given(valid_events())
@steady
def test_what_is_encoded_is_decoded(drawn: tuple[EventSpec, dict[str, Any]]) -> None:
    spec, whole = drawn
    model = spec.model.model_validate(whole["data"])
    for data in (model, whole["data"]):
        value = codec.encode(spec, id=whole["id"], source=whole["source"], time=whole["time"], data=data)
        (row,) = codec.decode_values([value], topic=spec.topic)
        assert isinstance(row, codec.EnvelopeStruct), row
        assert (row.id, row.source) == (whole["id"], whole["source"])
        assert abs((row.time - decoded(whole).time).total_seconds()) < 0.001
        for name in spec.amounts:
            assert getattr(row.data, name) == getattr(model, name)


def test_a_producer_cannot_send_what_nobody_would_take() -> None:
    spec = registry.events["user.registered"]
    with pytest.raises(ValidationError):
        codec.encode(spec, id="1", source="/s", time="2026-01-01", data={})
