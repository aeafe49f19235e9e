"""Pydantic's verdict, and its words, on what the fast decoder refused."""

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
from pydantic import BaseModel, ValidationError

from streams.codec.structs import EnvelopeStruct, data_struct, envelope_struct
from streams.errors import Reject
from streams.events.base import Registry
from streams.events.envelope import Envelope
from streams.events.fields import ID_LENGTH, Money, Part
from streams.events.rules import RuleBroken
from streams.events.shape import shape_of

WORDS = 300
"""Longest message of a refusal, in characters."""
_ABSENT = msgspec.Raw()
_LITERAL = re.compile(r"'([^']*)'")
_exact = msgspec.json.Decoder(float_hook=Decimal)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a message is no event: what the dead letter says of it."""

    reason: Reject
    field: str | None
    """Path of the field to look at, such as `data.pickup.latitude`; None: the message as a whole."""
    message: str
    """What is wrong, with the value where it is short."""
    event_type: str | None = None
    """CloudEvents `type`, as far as it could be read."""
    event_id: str | None = None
    """CloudEvents `id`, as far as it could be read."""
    source: str | None = None
    """CloudEvents `source`, as far as it could be read."""


def malformed(message: str) -> Refusal:
    """The refusal of bytes that are not one JSON object."""
    return Refusal(Reject.MALFORMED, None, message[:WORDS])


def judge(value: bytes, registry: Registry, topic: str | None) -> EnvelopeStruct | Refusal:
    """Decode one message by the models. Where a field is given twice, the last one holds."""
    given: dict[str, Any] = {}

    def refusal(reason: Reject, field: str | None, message: str) -> Refusal:
        known = (_shown(given.get(name)) for name in ("type", "id", "source"))
        return Refusal(reason, field, message[:WORDS], *known)

    try:
        value.decode()
        whole = _loose(_Whole).decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return malformed(f"Message should be one JSON object in UTF-8: {error}")
    try:
        given.update(_given(Envelope, whole))
        envelope = Envelope.model_validate(given)
    except (_Unreadable, ValidationError) as error:
        return refusal(Reject.MALFORMED, *_words("", error))
    spec = registry.events.get(envelope.type)
    if spec is None:
        message = f"No event of type {envelope.type!r} is declared; see `millrace events list`"
        return refusal(Reject.UNKNOWN_TYPE, "type", message)
    if topic is not None and spec.topic != topic:
        message = f"Events of type {spec.name!r} belong on topic {spec.topic!r}, not on {topic!r}"
        return refusal(Reject.WRONG_TOPIC, "type", message)
    if whole.data == _ABSENT:
        return refusal(Reject.INVALID, "data", "Field required")
    try:
        data = spec.model.model_validate(_object(spec.model, whole.data, "data"))
    except (_Unreadable, ValidationError) as error:
        return refusal(Reject.INVALID, *_words("data", error))
    fields = {name: getattr(envelope, name) for name in Envelope.model_fields if name != "type"}
    return envelope_struct(spec)(**fields, data=_struct(data))


class _Whole(Envelope):
    """The envelope with `data` as one more field."""

    data: Any = None


class _Unreadable(Exception):
    """A field's JSON does not fit into Python: a number or a nesting out of range, or no object where one is due."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@cache
def _loose(model: type[BaseModel]) -> msgspec.json.Decoder[Any]:
    """A decoder that finds a model's fields and leaves each of them raw; what it skips is what the fast one skips."""
    fields = [(name, msgspec.Raw, _ABSENT) for name in model.model_fields]
    return msgspec.json.Decoder(msgspec.defstruct(f"Loose{model.__name__}", fields))


@cache
def _kinds(model: type[BaseModel]) -> tuple[tuple[str, type], ...]:
    bases = {name: shape_of(info).base for name, info in model.model_fields.items()}
    return tuple((name, base if isinstance(base, type) else object) for name, base in bases.items())


def _object(model: type[Part], raw: msgspec.Raw, path: str) -> dict[str, Any]:
    try:
        loose = _loose(model).decode(raw)
    except msgspec.MsgspecError as error:
        raise _Unreadable(path, f"Input should be an object: {error}") from None
    return _given(model, loose, f"{path}.")


def _given(model: type[Part], loose: Any, path: str = "") -> dict[str, Any]:
    """The fields that are given, in Python's types; money exactly as it was written."""
    found: dict[str, Any] = {}
    for name, kind in _kinds(model):
        raw = getattr(loose, name)
        if raw == _ABSENT:
            continue
        if issubclass(kind, Part) and bytes(raw) != b"null":
            found[name] = _object(kind, raw, f"{path}{name}")
            continue
        try:
            found[name] = _exact.decode(raw) if issubclass(kind, Money) else msgspec.json.decode(raw)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise _Unreadable(f"{path}{name}", f"Input cannot be read: {error}") from None
    return found


def _words(path: str, error: _Unreadable | ValidationError) -> tuple[str | None, str]:
    """The field and the message of the first error; `path` leads to what was validated."""
    if isinstance(error, _Unreadable):
        return error.field, str(error)
    first = error.errors(include_url=False)[0]
    where = [path, *map(str, first["loc"])]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, RuleBroken):
        where.append(cause.field)
    message = str(cause) if cause is not None else first["msg"]
    given = first["input"]
    if first["type"] == "literal_error" and len(message) > WORDS // 2:
        message = _one_of_many(_LITERAL.findall(first["ctx"]["expected"]), given)
    if isinstance(given, str | int | float | Decimal) and first["type"] != "missing":
        shown = repr(given) if isinstance(given, str) else str(given)
        message = f"{message}; got {shown if len(shown) <= 80 else shown[:80] + '...'}"
    return ".".join(filter(None, where)) or None, message


def _one_of_many(values: list[str], given: object) -> str:
    """What to say where the values are too many to be named."""
    message = f"Input should be one of {len(values)} values; `millrace events schema` lists them for the type"
    # A comparison with every value would cost more than the event itself, and bad events come in floods.
    near = given.strip().upper() if isinstance(given, str) and len(given) <= WORDS else ""
    return f"{message}; perhaps {near!r} is meant" if near in values else message


def _shown(value: object) -> str | None:
    return value[:ID_LENGTH] if isinstance(value, str) else None


def _struct(data: Part) -> msgspec.Struct:
    """The fast struct of an accepted model."""
    values = {name: getattr(data, name) for name in type(data).model_fields}
    nested = {name: _struct(value) for name, value in values.items() if isinstance(value, Part)}
    return data_struct(type(data))(**(values | nested))
