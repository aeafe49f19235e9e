"""The declared events: all of them, each whole, on its topic, under its key."""

import json
from random import Random

import pytest
from pydantic import ValidationError

from streams import codec
from streams.errors import Reject
from streams.events import ENVELOPE, EventSpec, registry
from streams.events.base import Event
from streams.events.currencies import MINOR_UNITS, scale_of
from streams.events.domains import DOMAINS, RIDES, TICKETING, TOPICS
from streams.events.fields import Id, Position
from streams.events.sample import sample

EVERY = pytest.mark.parametrize("spec", registry.events.values(), ids=str)

RIDE_TYPES = """
user.registered user.kyc_verified user.upgraded_to_driver
booking.created booking.confirmed booking.cancelled booking.completed
payment.initiated payment.success payment.failed payment.refunded
trip.started trip.completed trip.cancelled
route.created route.activated route.cancelled route.updated
driver.location.updated
"""
TICKETING_TYPES = """
page.viewed event.viewed event.shared event.favorited event.searched ticket.selected checkout.started
ticket.purchased ticket.refunded ticket.checked_in
event.published event.updated ticket_type.updated organizer.updated customer.updated
"""


def test_every_type_is_declared() -> None:
    assert {spec.name for spec in registry.of(RIDES)} == set(RIDE_TYPES.split())
    assert {spec.name for spec in registry.of(TICKETING)} == set(TICKETING_TYPES.split())


def test_every_topic_has_events_and_the_other_way_round() -> None:
    assert registry.topics.keys() == TOPICS.keys()
    assert all(topic.split(".")[0] == spec.domain.name for topic, specs in registry.topics.items() for spec in specs)
    assert registry.domains == DOMAINS


@EVERY
def test_every_event_and_field_says_what_it_means(spec: EventSpec) -> None:
    assert spec.doc.endswith(".")
    silent = [name for name, info in spec.fields.items() if not info.description]
    assert not silent, f"{spec.name}: give {silent} a docstring"


@EVERY
def test_a_sample_is_taken_and_has_a_key(spec: EventSpec) -> None:
    rng = Random(spec.name)
    for _ in range(30):
        whole = sample(spec, rng)
        (row,) = codec.decode_values([json.dumps(whole).encode()], spec.topic)
        assert isinstance(row, codec.EnvelopeStruct), row
        model = spec.model.model_validate(whole["data"])
        assert spec.key(row.data) == spec.key(model) == whole["data"][spec.keys[0]].encode()


@EVERY
def test_the_same_seed_gives_the_same_sample(spec: EventSpec) -> None:
    assert sample(spec, Random(7)) == sample(spec, Random(7))
    assert sample(spec, Random(7)) != sample(spec, Random(8))


def test_a_sample_happens_when_it_is_told_to() -> None:
    from datetime import UTC, datetime

    whole = sample(registry.events["page.viewed"], Random(1), datetime(2026, 5, 1, tzinfo=UTC))
    assert whole["time"] == "2026-05-01T00:00:00.000Z"


@EVERY
def test_a_raw_table_has_every_column_of_its_events(spec: EventSpec) -> None:
    columns = registry.raw_columns(spec.domain)
    names = [column.name for column in columns]
    assert len(names) == len(set(names))
    assert columns[: len(ENVELOPE)] == ENVELOPE
    assert {column.name for column in spec.columns} <= set(names)
    assert all(column.doc.endswith(".") for column in columns)


def test_user_agents_have_no_column_but_what_is_told_from_them() -> None:
    names = {column.name for column in registry.raw_columns(TICKETING)}
    assert "user_agent" not in names
    assert {"device_type", "browser", "os", "country", "region", "city"} <= names


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("booking.created", ("user_id",)),
        ("payment.success", ("user_id",)),
        ("trip.completed", ("user_id",)),
        ("route.created", ("driver_id",)),
        ("driver.location.updated", ("driver_id",)),
        ("ticket.purchased", ("session_id", "user_id")),
        ("event.published", ("organizer_id",)),
        ("customer.updated", ("user_id",)),
    ],
)
def test_keys(name: str, keys: tuple[str, ...]) -> None:
    assert registry.events[name].keys == keys


def test_an_event_without_any_key_field_has_no_key() -> None:
    spec = registry.events["page.viewed"]
    data = spec.model.model_construct(session_id=None, user_id=None)
    with pytest.raises(ValueError, match=r"page.viewed: none of session_id, user_id is given"):
        spec.key(data)


def test_models_are_strict_in_python_too() -> None:
    with pytest.raises(ValidationError):
        Position(latitude="1", longitude="2")  # type: ignore[arg-type]
    with pytest.raises(ValidationError):
        registry.events["user.registered"].model.model_validate({"user_id": 1})


def test_money_and_times_in_python() -> None:
    from datetime import UTC, datetime, timedelta, timezone
    from decimal import Decimal

    model = registry.events["route.created"].model
    route = {
        "route_id": "r",
        "driver_id": "d",
        "origin": Position(city="a"),
        "destination": Position(city="b"),
        "departure_at": datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1))),
        "seats": 3,
        "price": Decimal("9.50"),
        "currency": "EUR",
    }
    made = model.model_validate(route)
    assert made.departure_at == datetime(2025, 12, 31, 23, tzinfo=UTC)  # type: ignore[attr-defined]
    assert str(made.price) == "9.50"  # type: ignore[attr-defined]
    for wrong in ({"price": 9.5}, {"price": Decimal("NaN")}, {"price": Decimal("0.00001")}):
        with pytest.raises(ValidationError, match="Amount"):
            model.model_validate(route | wrong)
    with pytest.raises(ValidationError, match="zone"):
        model.model_validate(route | {"departure_at": datetime(2026, 1, 1)})


def test_currencies() -> None:
    assert {"USD", "EUR", "JPY", "KWD", "CLF", "XCG", "ZWG"} <= MINOR_UNITS.keys()
    assert not {"XXX", "XTS", "XAU", "XDR", "HRK", "ZWL"} & MINOR_UNITS.keys()
    assert [scale_of(code) for code in ("JPY", "USD", "KWD", "CLF")] == [2, 4, 4, 4]
    assert all(len(code) == 3 and code.isupper() for code in MINOR_UNITS)


def test_every_reason_is_explained() -> None:
    from streams.events.reference import REFUSALS

    assert set(REFUSALS) == set(Reject)


def test_a_common_part_is_not_registered() -> None:
    class Part(Event):
        user_id: Id

    assert not hasattr(Part, "spec")
