"""One class declares an event; what cannot work is refused with the way out."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import new_class
from typing import Annotated, Any, Literal

import msgspec
import pytest
from pydantic import AfterValidator, Field, StringConstraints, field_validator

from streams.codec import Decoder, EnvelopeStruct, Refusal
from streams.codec.structs import data_struct
from streams.errors import ConfigurationError
from streams.events import Column, Event, Registry, registry
from streams.events.fields import Currency, Id, Money, Position, Time


def declared(**fields: Any) -> Registry:
    """A registry with one event on rides.user that has `user_id` and these fields."""
    fresh = Registry()
    declare({"user_id": Id, **fields}, name="declared", topic="rides.user", registry=fresh)
    return fresh


def declare(fields: dict[str, Any], **keywords: Any) -> None:
    """`class Declared(Event, **keywords)` with these fields."""
    new_class("Declared", (Event,), keywords, lambda namespace: namespace.update(__annotations__=fields))


def refused(match: str, **fields: Any) -> None:
    with pytest.raises(ConfigurationError, match=match):
        Decoder(declared(**fields))


def columns(**fields: Any) -> dict[str, str]:
    spec = declared(**fields).events["declared"]
    return {column.name: column.clickhouse_type for column in spec.columns if column.name != "user_id"}


class Shade(StrEnum):
    DARK = "dark"
    LIGHT = "light"


def test_an_event_is_one_class() -> None:
    fresh = Registry()

    class ScooterParked(Event, name="scooter.parked", topic="rides.user", registry=fresh):
        """A scooter was parked."""

        user_id: str
        minutes: int
        note: str | None = None
        battery: float
        shade: Literal["dark", "light"] = "dark"

    spec = fresh.events["scooter.parked"]
    assert (spec.name, spec.topic, spec.domain.name, spec.version) == ("scooter.parked", "rides.user", "rides", 1)
    assert (spec.doc, spec.schema_name, spec.keys) == ("A scooter was parked.", "scooter.parked.v1", ("user_id",))
    assert ScooterParked.spec is spec
    assert repr(spec) == "EventSpec(scooter.parked.v1)"
    assert "scooter.parked" not in registry.events
    decoder = Decoder(fresh)
    envelope = {
        "specversion": "1.0",
        "id": "1",
        "source": "s",
        "type": "scooter.parked",
        "time": "2026-01-01T00:00:00Z",
    }
    good = envelope | {"data": {"user_id": "u", "minutes": 4_294_967_295, "battery": 1}}
    row = decoder.value(msgspec.json.encode(good), None, 10_000)
    assert isinstance(row, EnvelopeStruct)
    assert (row.data.battery, row.data.shade, row.data.note) == (1.0, "dark", None)
    for wrong in ({"minutes": 4_294_967_296}, {"minutes": -1}, {"user_id": "x" * 8193}, {"shade": "grey"}):
        result = decoder.value(msgspec.json.encode(good | {"data": good["data"] | wrong}), None, 100_000)  # type: ignore[operator]
        assert isinstance(result, Refusal), wrong


def test_open_bounds_are_mirrored() -> None:
    fresh = declared(share=Annotated[float, Field(gt=0, lt=1)])
    decoder = Decoder(fresh)
    envelope = {"specversion": "1.0", "id": "1", "source": "s", "type": "declared", "time": "2026-01-01T00:00:00Z"}
    for share, taken in ((0, False), (0.5, True), (1, False)):
        value = msgspec.json.encode(envelope | {"data": {"user_id": "u", "share": share}})
        assert (decoder.quick(value) is not None) is taken
        assert isinstance(decoder.value(value, None, 10_000), EnvelopeStruct) is taken


def test_types_become_columns() -> None:
    found = columns(
        text=str,
        label=Annotated[str, Column("LowCardinality(String)")],
        maybe_label=Annotated[str, Column("LowCardinality(String)")] | None,
        number=int,
        big=Annotated[int, Field(ge=0, le=2**63), Column("UInt64")],
        maybe=float | None,
        flag=bool,
        at=Time | None,
        amount=Money,
        currency=Currency,
        shade=Shade,
        word=Literal["a", "b"] | None,
        tags=Annotated[list[str], Column("Array(String)")],
        mixed=Annotated[int | str | None, Column("String")],
    )
    assert found == {
        "text": "String",
        "label": "LowCardinality(String)",
        "maybe_label": "LowCardinality(Nullable(String))",
        "number": "UInt32",
        "big": "UInt64",
        "maybe": "Nullable(Float64)",
        "flag": "Bool",
        "at": "Nullable(DateTime64(3, 'UTC'))",
        "amount": "Decimal(18, 4)",
        "currency": "LowCardinality(String)",
        "shade": "LowCardinality(String)",
        "word": "LowCardinality(Nullable(String))",
        "tags": "Array(String)",
        "mixed": "Nullable(String)",
    }


def test_a_position_becomes_seven_columns() -> None:
    found = columns(spot=Position | None)
    assert list(found) == [
        f"spot_{part}" for part in ("latitude", "longitude", "zone", "city", "state", "country", "cell")
    ]
    assert found["spot_cell"] == "UInt64"


def test_declarations_that_cannot_work_name_the_way_out() -> None:
    refused(r"Declared.extra: no ClickHouse type for dict\[str, list\[int\]\]; annotate", extra=dict[str, list[int]])
    refused(r"Declared.extra: no ClickHouse type for bytes; annotate", extra=bytes)
    refused(
        "Declared.seats: its column UInt8 holds 0 to 255, its bounds are 1 to 300",
        seats=Annotated[int, Field(ge=1, le=300), Column("UInt8")],
    )
    refused("Declared.delta: its column UInt32", delta=Annotated[int, Field(ge=-1, le=5)])
    refused("Declared.open: its column UInt32", open=Annotated[int, Field(gt=0)])
    refused("Declared.price: a Decimal has no bounds; declare it as Money or Price", price=Decimal | None)
    refused("Declared.at: a datetime may lack its zone; declare it as Time", at=datetime)
    refused("Declared: price is money without a currency; declare `currency: Currency`", price=Money)
    refused("Declared: column 'topic' exists in every row of events_raw; rename the field", topic=str)
    refused("two fields give the column 'spot_city'; .* rename one", spot=Position, spot_city=str)
    refused(
        "knows nothing of .*odd.*; state it as a rule",
        odd_number=Annotated[int, Field(ge=0, le=9), AfterValidator(odd)],
    )
    refused("knows nothing of .*pattern", code=Annotated[str, StringConstraints(pattern="^a")])


def odd(value: int) -> int:
    return value


def test_validators_of_pydantic_alone_are_refused() -> None:
    fresh = Registry()

    class Checked(Event, name="checked", topic="rides.user", registry=fresh):
        user_id: Id

        @field_validator("user_id")
        @classmethod
        def lower(cls, value: str) -> str:
            return value.lower()

    with pytest.raises(ConfigurationError, match="Checked: the fast decoder knows nothing of validator 'lower'"):
        data_struct(Checked)


@pytest.mark.parametrize(
    ("keywords", "match"),
    [
        ({"name": "x", "topic": "rides.moon"}, "topic 'rides.moon' is not declared; choose one of rides.user"),
        ({"name": "x"}, "topic None is not declared"),
        ({"name": "x", "topic": "rides.user", "version": 0}, r"version 0 is not in 1\.\.255"),
        ({"name": "x", "topic": "rides.route"}, "topic rides.route is keyed by driver_id; declare that field"),
        ({"name": "x", "topik": "rides.user"}, "topik is no keyword of an event"),
    ],
)
def test_keywords_that_cannot_work(keywords: dict[str, Any], match: str) -> None:
    with pytest.raises(ConfigurationError, match=match):
        declare({"user_id": Id}, registry=Registry(), **keywords)


def test_a_type_is_declared_once() -> None:
    fresh = declared()

    with pytest.raises(ConfigurationError, match="'declared' is declared twice, by Declared and Again; rename one"):

        class Again(Event, name="declared", topic="rides.user", registry=fresh):
            user_id: Id


def test_one_column_name_has_one_type_in_a_domain() -> None:
    fresh = declared(size=int)

    with pytest.raises(ConfigurationError, match=r"column 'size' is UInt32 in Declared and String in Other; .* rename"):

        class Other(Event, name="other", topic="rides.user", registry=fresh):
            user_id: Id
            size: str

    assert list(fresh.events) == ["declared"]

    class Elsewhere(Event, name="elsewhere", topic="ticketing.pages", registry=fresh):
        user_id: Id
        size: str

    assert list(fresh.domains) == ["rides", "ticketing"]


def test_a_column_is_nullable_if_any_event_has_the_field_optional() -> None:
    fresh = declared(size=int, depth=int | None)

    class Other(Event, name="other", topic="rides.user", registry=fresh):
        user_id: Id
        size: int | None = None
        depth: int

    merged = {column.name: column.clickhouse_type for column in fresh.columns(fresh.events.values())}
    assert (merged["size"], merged["depth"]) == ("Nullable(UInt32)", "Nullable(UInt32)")
    alone = {column.name: column.clickhouse_type for column in Other.spec.columns}
    assert (alone["size"], alone["depth"]) == ("Nullable(UInt32)", "UInt32")
