"""Events to bytes: what producers send is what workers read, and what the sink sends are the columns."""

import json
from datetime import datetime
from decimal import Decimal
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


@given(valid_events())
@steady
def test_payload_holds_the_flat_columns(drawn: tuple[EventSpec, dict[str, Any]]) -> None:
    spec, whole = drawn
    row = decoded(whole)
    before = repr(row)
    (fragment,) = codec.payload_json([row])
    assert repr(row) == before
    payload = json.loads(b"{" + fragment + b"}", parse_float=str)
    model = spec.model.model_validate(whole["data"])
    columns = {column.name for column in spec.columns}
    expected = {name: value for name, value in model if value is not None and name in columns}
    assert payload.keys() == expected.keys()
    for name, value in expected.items():
        if isinstance(value, datetime):
            assert datetime.fromisoformat(payload[name]) == value
        elif isinstance(value, Decimal):
            assert payload[name] == format(value, "f")
        else:
            assert type(value)(payload[name]) == value


def test_payloads_of_several_types_keep_their_order() -> None:
    from random import Random

    from streams.events.sample import sample

    rng = Random(4)
    rows = [decoded(sample(spec, rng)) for spec in registry.events.values() for _ in range(3)]
    assert codec.payload_json(rows) == [codec.payload_json([row])[0] for row in rows]
    assert codec.payload_json([]) == []


def test_fields_set_aside_come_back_when_encoding_fails() -> None:
    from random import Random

    from streams.events.sample import sample

    row = decoded(sample(registry.events["booking.created"], Random(1)))
    pickup = row.data.pickup
    row.data.user_id = "\ud800"  # nothing that was decoded holds such a character
    with pytest.raises(UnicodeEncodeError):
        codec.payload_json([row])
    assert row.data.pickup is pickup
