"""What is refused, with which word, field and message; a table of hostile input."""

import copy
import json
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import codec
from streams.codec import EnvelopeStruct, Refusal, decode
from streams.errors import Reject
from streams.events import registry
from streams.events.sample import sample

BOOKING: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/bookings",
    "type": "booking.created",
    "time": "2026-01-31T12:00:00.500+01:00",
    "data": {
        "booking_id": "b-1",
        "user_id": "u-1",
        "pickup": {"latitude": 40.7, "longitude": -74},
        "dropoff": {"zone": "JFK Airport"},
        "seats": 2,
        "amount": "12.50",
        "currency": "USD",
    },
}
WHOLE = json.dumps(BOOKING).encode()


def one(value: bytes | None, topic: str | None = "rides.booking") -> EnvelopeStruct | Refusal:
    (result,) = codec.decode_values([value], topic)
    return result


def refused(value: bytes | None, reason: Reject, field: str | None, words: str = "") -> Refusal:
    result = one(value)
    assert isinstance(result, Refusal), result
    assert (result.reason, result.field) == (reason, field), result
    assert words in result.message
    return result


def booking(path: str, value: Any) -> bytes:
    """The booking with one field of its envelope or data changed."""
    changed = copy.deepcopy(BOOKING)
    *parents, name = path.split(".")
    target = changed
    for parent in parents:
        target = target[parent]
    target[name] = value
    return json.dumps(changed).encode()


def without(path: str) -> bytes:
    changed = json.loads(booking(path, None))
    *parents, name = path.split(".")
    target = changed
    for parent in parents:
        target = target[parent]
    del target[name]
    return json.dumps(changed).encode()


def test_a_good_event_becomes_a_struct_with_its_spec() -> None:
    row = one(WHOLE)
    assert isinstance(row, EnvelopeStruct)
    assert (row.id, row.source, row.time.timestamp()) == ("e-1", "/bookings", 1769857200.5)
    assert row.spec is registry.events["booking.created"] is codec.spec_of(type(row))
    assert row.data.pickup.latitude == 40.7
    assert str(row.data.amount) == "12.50"
    assert row.spec.key(row.data) == b"u-1"


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b" ",
        b"null",
        b"[]",
        b"1",
        b'"text"',
        b"{",
        WHOLE[:-1],
        WHOLE + b"}",
        WHOLE + WHOLE,
        WHOLE + b"\n" + WHOLE,
        b"\xef\xbb\xbf" + WHOLE,
        WHOLE.replace(b"JFK", b"\xff"),
        WHOLE.replace(b"JFK", b"\xed\xa0\x80"),
        WHOLE.replace(b"JFK", b"\\ud800"),
        WHOLE.replace(b"JFK", b"J\x00K"),
        WHOLE.replace(b'"specversion"', b'"unknown": "\xff", "specversion"'),
        WHOLE[:-1] + b',"x":' + b"[" * 401 + b"]" * 401 + b"}",
        WHOLE[:-1] + b',"x":' + b"[" * 100_000 + b"}",
    ],
)
def test_what_is_not_one_json_object_is_malformed(value: bytes | None) -> None:
    refusal = refused(value, Reject.MALFORMED, None)
    assert refusal.event_type is refusal.event_id is refusal.source is None


@pytest.mark.parametrize(
    ("value", "field", "words"),
    [
        (without("id"), "id", "Field required"),
        (without("time"), "time", "Field required"),
        (without("type"), "type", "Field required"),
        (booking("specversion", "0.3"), "specversion", "'1.0'"),
        (booking("id", ""), "id", "at least 1 character"),
        (booking("id", "x" * 201), "id", "at most 200 characters"),
        (booking("id", 7), "id", "valid string"),
        (booking("source", "a\u0000"), "source", "control characters"),
        (booking("source", "a\u007f"), "source", "control characters"),
        (booking("source", "a\u0085"), "source", "control characters"),
        (booking("type", None), "type", "valid string"),
        (booking("time", "2026-01-31"), "time", "RFC 3339"),
        (booking("time", "2026-01-31T12:00:00"), "time", "zone"),
        (booking("time", 1769857200), "time", "RFC 3339"),
        (booking("time", "1900-12-31T23:59:59Z"), "time", "1901 to 2298"),
        (booking("time", "2299-01-01T00:00:00Z"), "time", "1901 to 2298"),
        (booking("time", "0001-01-01T00:00:00+01:00"), "time", "1901 to 2298"),
        (WHOLE.replace(b'"e-1"', b"1" * 5000), "id", "cannot be read"),
    ],
)
def test_a_wrong_envelope_is_malformed(value: bytes, field: str, words: str) -> None:
    refused(value, Reject.MALFORMED, field, words)


def test_an_unknown_type() -> None:
    refusal = refused(booking("type", "booking.dreamt"), Reject.UNKNOWN_TYPE, "type", "millrace events list")
    assert (refusal.event_type, refusal.event_id, refusal.source) == ("booking.dreamt", "e-1", "/bookings")


@pytest.mark.parametrize("topic", ["rides.trip", "ticketing.sales", "intents"])
def test_a_type_on_another_topic(topic: str) -> None:
    result = one(WHOLE, topic)
    assert isinstance(result, Refusal)
    assert (result.reason, result.field) == (Reject.WRONG_TOPIC, "type")
    assert "'rides.booking'" in result.message


@pytest.mark.parametrize(
    ("value", "field", "words"),
    [
        (without("data"), "data", "Field required"),
        (booking("data", None), "data", "object"),
        (booking("data", []), "data", "object"),
        (without("data.user_id"), "data.user_id", "Field required"),
        (booking("data.user_id", None), "data.user_id", "valid string"),
        (booking("data.user_id", "a\tb"), "data.user_id", "control characters"),
        (booking("data.seats", True), "data.seats", "valid integer"),
        (booking("data.seats", 1.0), "data.seats", "valid integer"),
        (booking("data.seats", "1"), "data.seats", "valid integer"),
        (booking("data.seats", 0), "data.seats", "greater than or equal to 1; got 0"),
        (booking("data.seats", 256), "data.seats", "less than or equal to 255; got 256"),
        (booking("data.amount", "NaN"), "data.amount", "digits"),
        (booking("data.amount", "1e2"), "data.amount", "digits"),
        (booking("data.amount", "100000000000000"), "data.amount", "14 before"),
        (booking("data.amount", 10**14), "data.amount", "14 digits before"),
        (booking("data.amount", 0.30000000000000004), "data.amount", "send it as a string"),
        (booking("data.amount", "0.00001"), "data.amount", "4 after"),
        (booking("data.amount", True), "data.amount", "string"),
        (booking("data.amount", ["1"]), "data.amount", "string"),
        (booking("data.amount", {}), "data.amount", "string"),
        (booking("data.currency", "XAU"), "data.currency", "of 167 values; `millrace events schema` lists them"),
        (booking("data.currency", "XAU"), "data.currency", "for the type; got 'XAU'"),
        (booking("data.currency", "usd"), "data.currency", "perhaps 'USD' is meant; got 'usd'"),
        (booking("data.pickup", None), "data.pickup", "valid dictionary"),
        (booking("data.pickup", "JFK"), "data.pickup", "object"),
        (booking("data.pickup", {}), "data.pickup", "coordinates, a zone or a city"),
        (booking("data.pickup", {"state": "NY"}), "data.pickup", "coordinates, a zone or a city"),
        (booking("data.pickup", {"latitude": 1, "city": "x"}), "data.pickup.longitude", "latitude is given"),
        (booking("data.pickup", {"longitude": 1, "city": "x"}), "data.pickup.latitude", "longitude is given"),
        (booking("data.pickup.latitude", 90.1), "data.pickup.latitude", "less than or equal to 90"),
        (booking("data.pickup.latitude", "40"), "data.pickup.latitude", "valid number"),
        (WHOLE.replace(b"40.7", b"1e999"), "data.pickup.latitude", "cannot be read"),
        (booking("data.dropoff.zone", ""), "data.dropoff.zone", "at least 1 character"),
    ],
)
def test_a_wrong_field_of_the_data_is_invalid(value: bytes, field: str, words: str) -> None:
    refusal = refused(value, Reject.INVALID, field, words)
    assert (refusal.event_type, refusal.event_id, refusal.source) == ("booking.created", "e-1", "/bookings")


@pytest.mark.parametrize(
    ("amount", "currency", "taken"),
    [
        ("1.1234", "USD", True),
        ("1.12", "JPY", True),
        ("1.123", "JPY", False),
        ("1.100", "JPY", False),
        ("1.1234", "KWD", True),
        ("-7.25", "USD", True),
        ("99999999999999.9999", "CLF", True),
        (12.5, "USD", True),
        (10**14 - 1, "USD", True),
    ],
)
def test_amounts_by_currency(amount: object, currency: str, taken: bool) -> None:
    changed = json.loads(booking("data.amount", amount))
    changed["data"]["currency"] = currency
    assert isinstance(one(json.dumps(changed).encode()), EnvelopeStruct) is taken


def test_a_number_with_an_exponent_becomes_plain_digits() -> None:
    row = one(WHOLE.replace(b'"12.50"', b"1e2"))
    assert isinstance(row, EnvelopeStruct)
    assert str(row.data.amount) == "100"


@pytest.mark.parametrize("zero", [b'"-0.00"', b"-0.0", b"0e99", b"-0"])
def test_zero_has_no_sign_and_no_exponent(zero: bytes) -> None:
    row = one(WHOLE.replace(b'"12.50"', zero))
    assert isinstance(row, EnvelopeStruct)
    assert str(row.data.amount) in ("0", "0.0", "0.00")


def test_remembered_amounts_stay_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "_AMOUNTS_KEPT", 3)
    monkeypatch.setattr(decode, "_AMOUNTS", {})
    for n in (*range(10), *range(10)):
        row = one(booking("data.amount", f"{n}.5"))
        assert isinstance(row, EnvelopeStruct)
        assert str(row.data.amount) == f"{n}.5"
    assert all(len(known) <= 3 for known in decode._AMOUNTS.values())


def test_a_price_is_not_negative() -> None:
    whole = sample(registry.events["route.created"], Random(1))
    whole["data"]["price"] = "-1"
    (result,) = codec.decode_values([json.dumps(whole).encode()])
    assert isinstance(result, Refusal)
    assert result.message == "Amount should not be negative; got '-1'"


def test_an_amount_needs_a_currency() -> None:
    whole = sample(registry.events["booking.confirmed"], Random(1))
    whole["data"] |= {"amount": "1.00", "currency": None}
    (result,) = codec.decode_values([json.dumps(whole).encode()])
    assert isinstance(result, Refusal)
    assert (result.field, result.message) == ("data.currency", "Field required, because amount is given")
    del whole["data"]["amount"]
    assert isinstance(codec.decode_values([json.dumps(whole).encode()])[0], EnvelopeStruct)


def test_a_visitor_has_a_session_or_a_user() -> None:
    whole = sample(registry.events["page.viewed"], Random(1))
    del whole["data"]["session_id"]
    whole["data"]["user_id"] = "u-9"
    (row,) = codec.decode_values([json.dumps(whole).encode()])
    assert isinstance(row, EnvelopeStruct)
    assert row.spec.key(row.data) == b"u-9"
    del whole["data"]["user_id"]
    (result,) = codec.decode_values([json.dumps(whole).encode()])
    assert isinstance(result, Refusal)
    assert result.field == "data.session_id"


def test_the_amount_of_a_sale_adds_up() -> None:
    whole = sample(registry.events["ticket.purchased"], Random(1))
    whole["data"]["amount"] = "0.01"
    (result,) = codec.decode_values([json.dumps(whole).encode()])
    assert isinstance(result, Refusal)
    assert result.field == "data.amount"
    assert "quantity x unit_price + fees - discount = " in result.message


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", "America", "a\u0000"])
def test_a_time_zone_is_known(zone: str) -> None:
    whole = sample(registry.events["event.published"], Random(1))
    whole["data"]["time_zone"] = zone
    (result,) = codec.decode_values([json.dumps(whole).encode()])
    assert isinstance(result, Refusal)
    assert result.field == "data.time_zone"


def test_a_time_within_the_data_fits_its_column() -> None:
    whole = sample(registry.events["payment.success"], Random(1))
    whole["data"]["initiated_at"] = "1899-01-01T00:00:00Z"
    (result,) = codec.decode_values([json.dumps(whole).encode()])
    assert isinstance(result, Refusal)
    assert result.field == "data.initiated_at"


def test_the_last_of_two_fields_of_one_name_holds() -> None:
    for value in (
        WHOLE.replace(b'"seats": 2', b'"seats": 2, "seats": 3'),
        WHOLE.replace(b'"seats": 2', b'"seats": "x", "seats": 3'),
    ):
        row = one(value)
        assert isinstance(row, EnvelopeStruct), row
        assert row.data.seats == 3
    refused(WHOLE.replace(b'"seats": 2', b'"seats": 2, "seats": "x"'), Reject.INVALID, "data.seats")
    refused(WHOLE[:-1] + b', "type": "x"}', Reject.UNKNOWN_TYPE, "type")


def test_null_is_absent_where_a_field_is_optional() -> None:
    row = one(booking("data.route_id", None))
    assert isinstance(row, EnvelopeStruct)
    assert row.data.route_id is None


def test_a_refusal_quotes_little() -> None:
    refusal = refused(booking("data.currency", "x" * 100_000), Reject.INVALID, "data.currency")
    assert len(refusal.message) < 300
    refusal = refused(booking("type", "t" * 200), Reject.UNKNOWN_TYPE, "type")
    assert len(refusal.message) <= 300


def test_ten_megabytes_are_looked_at_only_if_allowed() -> None:
    large = booking("data.user_id", "x" * 10_000_000)
    assert "the limit is 1048576" in refused(large, Reject.MALFORMED, None).message
    (result,) = codec.decode_values([large], limit=20_000_000)
    assert isinstance(result, Refusal)
    assert (result.reason, result.field) == (Reject.INVALID, "data.user_id")
    padded = WHOLE[:-1] + b',"padding":"' + b"x" * 10_000_000 + b'"}'
    assert isinstance(codec.decode_values([padded], limit=20_000_000)[0], EnvelopeStruct)
    brackets = WHOLE[:-1] + b',"padding":[' + b"[]," * 3_000_000 + b"1]}"
    assert isinstance(codec.decode_values([brackets], limit=20_000_000)[0], EnvelopeStruct)


def test_a_small_limit_holds_for_a_chunk_too() -> None:
    for values in ([WHOLE], [WHOLE, WHOLE]):
        for result in codec.decode_values(values, limit=len(WHOLE) - 1):
            assert isinstance(result, Refusal)
            assert f"the limit is {len(WHOLE) - 1}" in result.message
        assert all(isinstance(row, EnvelopeStruct) for row in codec.decode_values(values, limit=len(WHOLE)))


def test_brackets_within_text_are_no_nesting() -> None:
    value = WHOLE[:-1] + b',"x":"' + b'[\\"{' * 1000 + b'"}'
    assert isinstance(one(value), EnvelopeStruct)


def test_the_deepest_nesting_that_is_taken() -> None:
    value = WHOLE[:-1] + b',"x":' + b"[" * 399 + b"1" * 900 + b"]" * 399 + b"}"
    assert isinstance(one(value), EnvelopeStruct)


def test_half_events_that_make_a_whole_are_refused() -> None:
    # Two halves and a double: as many objects as values, but not one each.
    values = [WHOLE[:-2], WHOLE[-2:], WHOLE + WHOLE, WHOLE]
    found = [isinstance(result, EnvelopeStruct) for result in codec.decode_values(values, "rides.booking")]
    assert found == [False, False, False, True]
    values = [WHOLE + b"\n" + WHOLE, b" ", WHOLE]
    found = [isinstance(result, EnvelopeStruct) for result in codec.decode_values(values, "rides.booking")]
    assert found == [False, False, True]


def test_one_bad_value_spoils_no_other() -> None:
    good = [json.dumps(sample(spec, Random(n))).encode() for n, spec in enumerate(registry.events.values())]
    bad = [None, b"", WHOLE[:-1], booking("data.seats", 0), booking("id", "a\u0001"), b"\xff", b"x" * 2_000_000]
    values: list[bytes | None] = [value for pair in zip(good, bad * 5, strict=False) for value in pair]
    results = codec.decode_values(values)
    assert [isinstance(result, EnvelopeStruct) for result in results] == [True, False] * (len(values) // 2)


@given(st.sets(st.integers(0, 699), max_size=5))
@settings(max_examples=30, deadline=None)
def test_bad_values_anywhere_in_a_long_chunk_leave_the_others_in_place(bad: set[int]) -> None:
    values = [b'{"no": "event"}' if n in bad else WHOLE.replace(b"e-1", b"n-%d" % n) for n in range(700)]
    found = codec.decode_values(values, "rides.booking")
    assert [None if isinstance(each, Refusal) else each.id for each in found] == [
        None if n in bad else f"n-{n}" for n in range(700)
    ]


def test_nothing_in_nothing_out() -> None:
    assert codec.decode_values([]) == []
    assert codec.decode_values([], "rides.trip") == []
