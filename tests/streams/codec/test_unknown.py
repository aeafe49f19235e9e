"""Unknown fields are tolerated and counted."""

import json
from collections import Counter
from random import Random
from typing import Any

import pytest

from streams import codec
from streams.events import registry
from streams.events.sample import sample


def values(count: int, **more: Any) -> list[bytes | None]:
    rng = Random(1)
    found: list[bytes | None] = []
    for _ in range(count):
        whole = sample(registry.events["trip.started"], rng)
        whole["data"]["pickup"] = {"city": "Berlin", "floor": 3}
        whole["data"]["vehicle"] = {"doors": 4}
        found.append(json.dumps(whole | more).encode())
    return found


def test_every_unknown_field_is_named_by_its_path() -> None:
    given = [*values(3, traceparent="00"), None, b"{", *values(1, odd=[1])]
    counted = codec.unknown_fields(given, codec.decode_values(given), every=1)
    assert counted == {
        ("trip.started", "traceparent"): 3,
        ("trip.started", "odd"): 1,
        ("trip.started", "data.vehicle"): 4,
        ("trip.started", "data.pickup.floor"): 4,
    }


def test_a_sample_stands_for_all() -> None:
    given = values(200)
    assert codec.unknown_fields(given, codec.decode_values(given))["trip.started", "data.vehicle"] == 200


@pytest.mark.parametrize("size", [1, 7, 60, 100, 250])
def test_a_log_is_sampled_alike_however_it_is_cut_into_chunks(size: int) -> None:
    given, found = values(500), Counter[tuple[str, str]]()
    for start in range(0, len(given), size):
        chunk = given[start : start + size]
        found += codec.unknown_fields(chunk, codec.decode_values(chunk), start=start)
    assert found["trip.started", "data.vehicle"] == 500


def test_known_fields_are_not_counted() -> None:
    given: list[bytes | None] = [json.dumps(sample(spec, Random(1))).encode() for spec in registry.events.values()]
    assert not codec.unknown_fields(given, codec.decode_values(given), every=1)


def test_what_python_cannot_hold_is_passed_over() -> None:
    given: list[bytes | None] = [(values(1)[0] or b"")[:-1] + b',"far":1e999}']
    rows = codec.decode_values(given)
    assert isinstance(rows[0], codec.EnvelopeStruct)
    assert not codec.unknown_fields(given, rows, every=1)
