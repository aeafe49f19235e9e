"""A compatible change of an event passes, an incompatible one is told apart, field by field."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from streams.events import registry
from streams.events.compare import changes, differences
from streams.events.schema import event_schema

SCHEMAS = Path(__file__).parents[3] / "docs/schemas"
OLD: dict[str, Any] = event_schema(registry.events["booking.created"])


def changed(path: str, value: Any) -> dict[str, Any]:
    """The schema with one place changed; `del` removes it."""
    schema = copy.deepcopy(OLD)
    *parents, name = path.split("/")
    target = schema
    for parent in parents:
        target = target[parent]
    if value == "del":
        del target[name]
    else:
        target[name] = value
    return schema


DATA = "$defs/BookingCreated"
REQUIRED: list[str] = OLD["$defs"]["BookingCreated"]["required"]
WORDS = {"type": "string"}
SHORT = {"anyOf": [{"type": "string", "minLength": 1, "maxLength": 9}, {"type": "null"}]}
EUROS = {"type": "string", "enum": ["EUR"]}
MORE = {"type": "string", "enum": [*OLD["$defs"]["Currency"]["enum"], "ABC"]}


@pytest.mark.parametrize(
    ("new", "field", "message"),
    [
        (changed(f"{DATA}/properties/note", WORDS), "data.note", "optional field was added"),
        (changed(f"{DATA}/required", [n for n in REQUIRED if n != "seats"]), "data.seats", "is optional now"),
        (changed(f"{DATA}/properties/seats/maximum", 1000), "data.seats", "maximum was 255, is 1000"),
        (changed(f"{DATA}/properties/seats/maximum", "del"), "data.seats", "maximum was 255, is unlimited"),
        (changed(f"{DATA}/properties/seats/minimum", 0), "data.seats", "minimum was 1, is 0"),
        (changed(f"{DATA}/properties/seats/type", "number"), "data.seats", "number is accepted now"),
        (changed("$defs/Currency", MORE), "data.currency", "values were added: ABC"),
        (changed("$defs/Currency", WORDS), "data.currency", "every value is accepted now"),
        (changed("properties/time/pattern", "del"), "time", "is unlimited"),
        (changed(f"{DATA}/x-rules", []), "data", "rule was dropped: An amount has"),
        (changed("x-clickhouse/columns/seats", "Nullable(UInt8)"), "column seats", "was UInt8, is Nullable(UInt8)"),
    ],
)
def test_compatible_changes(new: dict[str, Any], field: str, message: str) -> None:
    (change,) = changes(OLD, new)
    assert not change.breaking
    assert change.path == field
    assert message in change.message


@pytest.mark.parametrize(
    ("new", "field", "message"),
    [
        (changed(f"{DATA}/properties/seats", "del"), "data.seats", "field was removed: its values are no longer"),
        (changed(f"{DATA}/required", [*REQUIRED, "route_id"]), "data.route_id", "is required now"),
        (changed(f"{DATA}/properties/seats/maximum", 10), "data.seats", "maximum was 255, is 10"),
        (changed(f"{DATA}/properties/seats/minimum", 2), "data.seats", "minimum was 1, is 2"),
        (changed("$defs/Position/properties/city", SHORT), "data.pickup.city", "maxLength was 200, is 9"),
        (changed(f"{DATA}/properties/user_id/format", "uuid"), "data.user_id", "format was unlimited, is uuid"),
        (changed("properties/time/pattern", "^20"), "time", "pattern was"),
        (changed("$defs/Currency", EUROS), "data.currency", "values were removed: AED"),
        (changed(f"{DATA}/properties/user_id/enum", ["a"]), "data.user_id", "only these values are accepted now: a"),
        (
            changed(f"{DATA}/x-rules", ["New.", *OLD["$defs"]["BookingCreated"]["x-rules"]]),
            "data",
            "rule was added: New.",
        ),
        (changed("x-clickhouse/columns/seats", "UInt16"), "column seats", "was UInt8, is UInt16"),
        (changed("x-clickhouse/columns/route_id", "String"), "column route_id", "was Nullable(String), is String"),
        (changed("x-kafka/topic", "rides.trip"), "", "Kafka topic was rides.booking, is rides.trip"),
        (changed("x-kafka/key", ["booking_id"]), "", "Kafka key was user_id, is booking_id"),
    ],
)
def test_incompatible_changes(new: dict[str, Any], field: str, message: str) -> None:
    found = changes(OLD, new)
    assert all(change.breaking for change in found)
    assert field in [change.path for change in found]
    assert message in found[0].message


def test_a_required_field_that_is_new() -> None:
    new = changed(f"{DATA}/properties/note", WORDS)
    new["$defs"]["BookingCreated"]["required"] = [*REQUIRED, "note"]
    (change,) = changes(OLD, new)
    assert (change.breaking, change.message) == (True, "required field was added")


def test_another_type() -> None:
    found = changes(OLD, changed(f"{DATA}/properties/seats", WORDS))
    assert [(change.message, change.breaking) for change in found] == [
        ("integer is no longer accepted", True),
        ("string is accepted now", False),
    ]


def test_the_events_fit_their_checked_in_schemas() -> None:
    """The contract: against what is checked in, no change breaks a producer."""
    old = {path.stem.rpartition(".v")[0]: json.loads(path.read_text()) for path in SCHEMAS.iterdir()}
    assert len(old) == len(registry.events)
    assert [difference for difference in differences(old, registry) if difference.breaking] == []


def test_events_come_and_go() -> None:
    old = {spec.name: event_schema(spec) for spec in registry.events.values()}
    del old["trip.started"]
    old["trip.dreamt"] = OLD
    told = {(found.event, found.text, found.breaking) for found in differences(old, registry)}
    assert told == {
        ("trip.started", "new event", False),
        ("trip.dreamt", "event was removed: it would be refused as unknown", True),
    }


def test_a_raised_version_says_that_a_break_is_meant() -> None:
    old = {spec.name: event_schema(spec) for spec in registry.events.values()}
    old["booking.created"] = changed(f"{DATA}/properties/seats/maximum", 1000)
    (found,) = differences(old, registry)
    assert (found.text, found.breaking) == ("data.seats: maximum was 1000, is 255", True)
    old["booking.created"]["$id"] = "urn:millrace:event:booking.created:v0"
    (found,) = differences(old, registry)
    assert not found.breaking
