"""Hypothesis strategies of events: valid ones of any class, broken ones, and bytes that mean harm."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, get_args, get_origin

import annotated_types as at
from hypothesis import strategies as st

from streams.events import EventSpec, registry
from streams.events.currencies import MINOR_UNITS, scale_of
from streams.events.fields import IDENTIFIER, MOMENT, Money, Position, Price
from streams.events.rules import amount_adds_up, someone
from streams.events.shape import Shape, shape_of

Json = dict[str, Any]

specs = st.sampled_from(list(registry.events.values()))

_letters = st.characters(exclude_categories=["Cs"])
_plain_letters = st.characters(exclude_categories=["Cs", "Cc"])
_names = ("Zürich", "東京", "a", " ", "null", '"', "\\", "x" * 64)


def texts(shape: Shape) -> st.SearchStrategy[str]:
    """Text that fits the field, its longest and its shortest included."""
    shortest = next((item.min_length for item in shape.metadata if isinstance(item, at.MinLen)), 0)
    longest = next((item.max_length for item in shape.metadata if isinstance(item, at.MaxLen)), 8192)
    letters = _plain_letters if IDENTIFIER in shape.metadata else _letters
    free = st.text(letters, min_size=shortest, max_size=min(longest, 40))
    return st.one_of(free, st.sampled_from(_names), st.just("é" * longest), st.just("i" * max(shortest, 1)))


def integers(shape: Shape) -> st.SearchStrategy[int]:
    """A number within the field's bounds."""
    low = next(item.ge for item in shape.metadata if isinstance(item, at.Ge))
    high = next(item.le for item in shape.metadata if isinstance(item, at.Le))
    return st.integers(min_value=int(low), max_value=int(high))  # type: ignore[call-overload]


def floats(shape: Shape) -> st.SearchStrategy[float | int]:
    """A number within the field's bounds, written with or without a point."""
    low = next(item.ge for item in shape.metadata if isinstance(item, at.Ge))
    high = next(item.le for item in shape.metadata if isinstance(item, at.Le))
    whole = st.integers(min_value=int(low), max_value=int(high))  # type: ignore[call-overload]
    return st.one_of(whole, st.floats(min_value=float(low), max_value=float(high)))  # type: ignore[arg-type]


def amounts(kind: type[Money], scale: int) -> st.SearchStrategy[str | int]:
    """An amount as a string or a whole number, up to the largest that fits."""
    top = 10**18 - 1
    low = 0 if issubclass(kind, Price) else -top
    whole = st.integers(min_value=0 if low == 0 else -(10**14) + 1, max_value=10**14 - 1)
    exact = st.integers(min_value=low, max_value=top).map(lambda n: f"{Decimal(n).scaleb(-4):f}")
    coarse = whole.map(lambda n: f"{n}.{'5' * scale}")
    return st.one_of(exact if scale == 4 else coarse, whole, st.sampled_from(["0", "0.00"]))


times = st.one_of(
    st.datetimes(datetime(1901, 1, 1), datetime(2298, 12, 31)).map(lambda t: t.isoformat() + "Z"),
    st.sampled_from(
        [
            "1900-12-31T00:01:00-23:59",
            "2299-01-01T23:58:59.999+23:59",
            "2024-02-29 12:00:00.5z",
            "2026-01-01t00:00:00-00:00",
            "2026-06-30T23:59:59.123456789+05:30",
        ]
    ),
)


@st.composite
def positions(draw: st.DrawFn) -> Json:
    """A pair of coordinates, a zone or a city, with more beside it."""
    shapes = {name: shape_of(info) for name, info in Position.model_fields.items()}
    names = draw(st.sets(st.sampled_from(["zone", "city", "state", "country"])))
    found: Json = {name: draw(texts(shapes[name])) for name in sorted(names)}
    if draw(st.booleans()) or not names & {"zone", "city"}:
        found |= {name: draw(floats(shapes[name])) for name in ("latitude", "longitude")}
    return found


@st.composite
def valid_events(draw: st.DrawFn, spec: EventSpec | None = None) -> tuple[EventSpec, Json]:
    """An event that must be accepted, of the given class or of any."""
    spec = spec or draw(specs)
    envelope = {name: draw(texts(Shape(str, _ID, False))) for name in ("id", "source")}
    event: Json = {"specversion": "1.0", **envelope, "type": spec.name, "time": draw(times)}
    for name in draw(st.sets(st.sampled_from(["subject", "dataschema", "datacontenttype", "traceparent"]))):
        event[name] = draw(st.sampled_from([None, "", "urn:x", "application/json"]))
    currency = draw(st.sampled_from(["USD", "JPY", "KWD", "CLF"]) | st.sampled_from(list(MINOR_UNITS)))
    data: Json = {}
    for name, info in spec.fields.items():
        shape = shape_of(info)
        needed = not shape.optional or name == "currency" or (someone in spec.model.rules and name == "session_id")
        if needed or draw(st.booleans()):
            data[name] = currency if name == "currency" else draw(_values(shape, name, currency))
        elif draw(st.booleans()):
            data[name] = None
    if amount_adds_up in spec.model.rules:
        data |= draw(sales(currency))
    order = draw(st.permutations(list(data)))
    event["data"] = {name: data[name] for name in order}
    return spec, event


_ID = (at.MinLen(1), at.MaxLen(200), IDENTIFIER)


@st.composite
def sales(draw: st.DrawFn, currency: str) -> Json:
    """Quantity, price, fees, discount and the amount that follows from them."""
    scale = Decimal(1).scaleb(-scale_of(currency))
    unit_price, fees = (draw(st.integers(min_value=0, max_value=10**7)) * scale for _ in range(2))
    quantity = draw(st.integers(min_value=1, max_value=1000))
    discount = draw(st.integers(min_value=0, max_value=int((quantity * unit_price + fees) / scale))) * scale
    amount = quantity * unit_price + fees - discount
    parts = {"unit_price": unit_price, "fees": fees, "discount": discount, "amount": amount}
    return {"quantity": quantity, **{name: f"{value:f}" for name, value in parts.items()}}


def _values(shape: Shape, name: str, currency: str) -> st.SearchStrategy[Any]:
    base = shape.base
    if base is Position:
        return positions()
    if MOMENT in shape.metadata:
        return times
    if name == "time_zone":
        return st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"])
    if get_origin(base) is Literal:
        return st.sampled_from(get_args(base))
    if issubclass(base, Money):
        return amounts(base, scale_of(currency))
    if base is bool:
        return st.booleans()
    if base is int:
        return integers(shape)
    return floats(shape) if base is float else texts(shape)


HOSTILE: tuple[str, ...] = (
    *("null", "true", "false", "{}", "[]", '""', "0", "-1", "1.0", "1e0", "1.5", "-0", "-0.0", "1e400", "-1e400"),
    *("1e-400", "255", "256", "65536", "4294967295", "4294967296", "9" * 25, "9" * 400, "9" * 5000, "90.0000001"),
    *("NaN", "Infinity", "01", "+1", ".5", "5.", "0x1", "1_000", "'a'", "undefined"),
    *('"NaN"', '"Infinity"', '"-Infinity"', '"sNaN"', '" 1 "', '"1_000"', '"1e2"', '"+1"', '".5"', '"1,5"', '"\uff11"'),
    *(
        '"99999999999999.9999"',
        '"100000000000000"',
        '"0.00001"',
        '"-0.0001"',
        '"-0"',
        '"1.12345"',
        '"12.50"',
        '"0.005"',
    ),
    *('"USD"', '"usd"', '"XXX"', '"XAU"', '"JPY"', '"2026-01-01"', '"2026-01-01T00:00:00"', '"2026-01-01T00:00:00Z"'),
    *('"2026-01-01T00:00:60Z"', '"2026-02-30T00:00:00Z"', '"2026-01-01T24:00:00Z"', '"0001-01-01T00:00:00+01:00"'),
    *(
        '"1900-12-31T23:59:59Z"',
        '"1901-01-01T00:00:00+23:59"',
        '"9999-12-31T23:59:59.9999999Z"',
        '"2299-01-01T00:00:00Z"',
        '"2026-01-01T00:00Z"',
    ),
    *('"2026-01-01T00:00:00+24:00"', '"2026-01-01T00:00:00+0530"', "1767225600", "1767225600.5", '"20260101T000000Z"'),
    *(
        '"\\ud800"',
        '"\\udc00\\ud800"',
        '"\\ud83d\\ude00"',
        '"\\u0000"',
        '"a\\nb"',
        '"\x7f"',
        '"\x85"',
        '"\\x"',
        '"\\u00g0"',
    ),
    *('{"latitude":1}', '{"longitude":1,"city":"x"}', '{"latitude":null,"longitude":null}', '{"city":""}'),
    *('{"latitude":90.5,"longitude":0}', '{"latitude":"1","longitude":"2"}', '{"zone":"z","x":1e999}', '{"zone":1}'),
    *('[{"a":[[[]]]}]', "[" * 30 + "]" * 30, '"' + "x" * 201 + '"', '"' + "x" * 9000 + '"', '" "'),
)
"""JSON values, and what is none, that a field may be given by mistake or on purpose."""


@st.composite
def broken_events(draw: st.DrawFn) -> bytes:
    """A valid event of which one to three places were changed; now and then it is still valid."""
    spec, event = draw(valid_events())
    places = [("", name) for name in event if name != "data"] + [("data", name) for name in spec.fields] * 3
    text: dict[str, str] = {}
    for _ in range(draw(st.integers(min_value=1, max_value=3))):
        where, name = draw(st.sampled_from([*places, ("", "data"), ("data", "unknown"), ("", "unknown")]))
        target = event["data"] if where and isinstance(event.get("data"), dict) else event
        if draw(st.booleans()) and draw(st.booleans()):
            target.pop(name, None)
            continue
        mark = f"@{len(text)}@"
        text[json.dumps(mark)] = draw(st.sampled_from(HOSTILE))
        target[name] = mark
    whole = json.dumps(event, ensure_ascii=draw(st.booleans()))
    for mark, hostile in text.items():
        whole = whole.replace(mark, hostile)
    return whole.encode()


def _twice(whole: bytes, name: bytes, value: bytes) -> bytes:
    return whole[:-1] + b"," + name + b":" + value + b"}"


@st.composite
def adversarial_bytes(draw: st.DrawFn) -> bytes:
    """Bytes near an event: cut, doubled, spliced, with bad UTF-8, deep, or with fields given twice."""
    _, event = draw(valid_events())
    whole = json.dumps(event, ensure_ascii=draw(st.booleans()), separators=(",", ":")).encode()
    at_byte = draw(st.integers(min_value=0, max_value=len(whole)))
    harm = draw(
        st.sampled_from(
            [
                whole[:at_byte],
                whole[:at_byte] + whole,
                whole + whole,
                whole + b"\n" + whole,
                b"\xef\xbb\xbf" + whole,
                b" \n" + whole + b"\r\n",
                b"[" + whole + b"]",
                _twice(whole, b'"type"', b'"booking.created"'),
                _twice(whole, b'"type"', b"1"),
                _twice(whole, b'"id"', b'""'),
                _twice(whole, b'"time"', b'"2026-01-01T00:00:00Z"'),
                _twice(whole, b'"data"', b"{}"),
                _twice(whole, b'"data"', b'{"user_id":"\\u0007"}'),
                _twice(whole, b'"x"', b"[" * 2000 + b"]" * 2000),
                _twice(whole, b'"x"', b'{"y":' * 390 + b"1" + b"}" * 390),
                _twice(whole, b'"x"', b'"' + draw(st.binary(max_size=6)) + b'"'),
                _twice(whole, b'"x"', draw(st.sampled_from(HOSTILE)).encode()),
                draw(st.binary(max_size=60)),
                whole[:at_byte] + draw(st.binary(min_size=1, max_size=3)) + whole[at_byte:],
                whole[:at_byte] + draw(st.binary(min_size=1, max_size=1)) + whole[at_byte + 1 :],
            ]
        )
    )
    assert isinstance(harm, bytes)
    return harm
