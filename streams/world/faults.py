"""Spoiled events: each kind of fault with the reason that it must be refused for."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from streams.errors import Reject
from streams.events import registry
from streams.world.dice import Dice
from streams.world.record import Record, rfc3339

DAY = 86_400.0
Whole = dict[str, Any]
_encode = msgspec.json.encode


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to spoil an event."""

    kind: str
    reason: Reject
    spoil: Callable[[Whole, Dice], bytes | None]
    """Takes the whole event and returns the bytes to send."""
    applies: Callable[[Whole], bool] = lambda whole: True


def spoiled(record: Record, event_id: str, dice: Dice) -> Record:
    """A copy of a valid record under another id, with one fault in it."""
    whole = {**msgspec.json.decode(record.value or b""), "id": event_id}
    fault = dice.one_of(FAULTS)
    while not fault.applies(whole):
        fault = dice.one_of(FAULTS)
    value = fault.spoil(whole, dice)
    topic = _other_topic(record.topic) if fault.reason is Reject.WRONG_TOPIC else record.topic
    return Record(topic, record.key, value, record.type, record.time, fault=fault.reason, kind=fault.kind)


def _other_topic(topic: str) -> str:
    names = [name for name in registry.topics if name.split(".")[0] == topic.split(".")[0]]
    return names[names.index(topic) - 1]


def _with(**changes: Any) -> Callable[[Whole, Dice], bytes]:
    return lambda whole, dice: _encode({**whole, **changes})


def _without(name: str) -> Callable[[Whole, Dice], bytes]:
    return lambda whole, dice: _encode({key: value for key, value in whole.items() if key != name})


def _with_data(**changes: Any) -> Callable[[Whole, Dice], bytes]:
    return lambda whole, dice: _encode({**whole, "data": {**whole["data"], **changes}})


def _has(name: str) -> Callable[[Whole], bool]:
    return lambda whole: name in whole["data"]


def _required(whole: Whole) -> list[str]:
    fields = registry.events[whole["type"]].fields
    return [name for name, info in fields.items() if info.is_required()]


def _missing_field(whole: Whole, dice: Dice) -> bytes:
    gone = dice.one_of(_required(whole))
    return _encode({**whole, "data": {name: value for name, value in whole["data"].items() if name != gone}})


def _wrong_kind(whole: Whole, dice: Dice) -> bytes:
    return _encode({**whole, "data": {**whole["data"], dice.one_of(_required(whole)): [{"unexpected": True}]}})


def _cut_short(whole: Whole, dice: Dice) -> bytes:
    value = _encode(whole)
    return value[: 1 + int((len(value) - 2) * dice.random())]


def _at(years: tuple[float, float]) -> Callable[[Whole, Dice], bytes]:
    """An event time so many years from now on, by the time that the event had."""

    def spoil(whole: Whole, dice: Dice) -> bytes:
        given = datetime.fromisoformat(whole["time"]).timestamp()
        return _encode({**whole, "time": rfc3339(given + dice.between(*years) * 365 * DAY)})

    return spoil


FAULTS = (
    Fault("cut_short", Reject.MALFORMED, _cut_short),
    Fault("not_utf8", Reject.MALFORMED, lambda whole, dice: _encode(whole).replace(b"1.0", b"1.\xff", 1)),
    Fault("empty", Reject.MALFORMED, lambda whole, dice: b""),
    Fault("no_value", Reject.MALFORMED, lambda whole, dice: None),
    Fault("array", Reject.MALFORMED, lambda whole, dice: _encode([whole])),
    Fault("two_objects", Reject.MALFORMED, lambda whole, dice: _encode(whole) * 2),
    Fault("plain_text", Reject.MALFORMED, lambda whole, dice: f"at={whole['time']} type={whole['type']}".encode()),
    Fault("no_id", Reject.MALFORMED, _without("id")),
    Fault("no_source", Reject.MALFORMED, _without("source")),
    Fault("naive_time", Reject.MALFORMED, lambda whole, dice: _encode({**whole, "time": whole["time"].rstrip("Z")})),
    Fault("old_specversion", Reject.MALFORMED, _with(specversion="0.3")),
    Fault("unknown_type", Reject.UNKNOWN_TYPE, _with(type="ticket.teleported")),
    Fault("wrong_topic", Reject.WRONG_TOPIC, lambda whole, dice: _encode(whole)),
    Fault("no_data", Reject.INVALID, _without("data")),
    Fault("missing_field", Reject.INVALID, _missing_field),
    Fault("wrong_kind", Reject.INVALID, _wrong_kind),
    Fault("unknown_currency", Reject.INVALID, _with_data(currency="XYZ"), _has("currency")),
    Fault("not_a_number", Reject.INVALID, _with_data(amount="NaN"), _has("amount")),
    Fault("off_the_globe", Reject.INVALID, _with_data(position={"latitude": 91, "longitude": 0}), _has("position")),
    Fault("in_future", Reject.IN_FUTURE, _at((0.5, 3))),
    Fault("too_old", Reject.TOO_OLD, _at((-30, -20))),
)
"""Every kind of fault; a load draws them all alike."""
