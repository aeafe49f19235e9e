"""From bytes to events: a whole chunk in one call of the fast decoder, the rest one by one."""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Any, Union

import msgspec

from streams.codec.structs import EnvelopeStruct, envelope_struct
from streams.codec.verdict import Refusal, judge, malformed
from streams.events.base import EventSpec, Registry
from streams.events.envelope import Envelope
from streams.events.fields import CONTROL, IDENTIFIER, Money
from streams.events.shape import shape_of

MAX_BYTES = 1_048_576
"""Longest message that is parsed at all, unless the caller says otherwise."""
MAX_DEPTH = 400
"""Deepest nesting of objects and arrays: below Python's own limit, so that no verdict depends on the stack."""

PARTS, ALONE = 32, 8
"""A chunk that cannot be decoded at once is tried in so many parts; so few values are decoded one by one."""

Decoded = EnvelopeStruct | Refusal
"""What becomes of one message."""

Fast = msgspec.json.Decoder[Any]

_AMOUNTS: dict[type[Money], dict[str, Money]] = {}
_AMOUNTS_KEPT = 65_536
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET = re.compile(rb"[\[{\]}]")
_OPEN, _CLOSE = b"{}"


class Decoder:
    """Decodes the events of one registry. `streams.codec` holds the one of the product."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.specs = {envelope_struct(spec): spec for spec in registry.events.values()}
        self._identifiers = {struct: _identifiers(spec) for struct, spec in self.specs.items()}
        self._all = _union(registry.events.values())
        self._by_topic = {topic: _union(specs) for topic, specs in registry.topics.items()}

    def values(self, values: Sequence[bytes | None], topic: str | None, limit: int) -> list[Decoded]:
        """One result for each value, in order; raises for nothing that a value holds."""
        fast = self._fast(topic)
        if fast is None:
            return [self.value(value, topic, limit) for value in values]
        return self._parts(fast, values, topic, limit)

    def value(self, value: bytes | None, topic: str | None, limit: int) -> Decoded:
        """The result for one value: the fast decoder's, else the models'."""
        if value is None:
            return malformed("Message has no value; send a CloudEvent")
        if len(value) > limit:
            return malformed(f"Message has {len(value)} bytes; the limit is {limit}")
        if _depth_exceeds(value, MAX_DEPTH):
            return malformed(f"Message is nested more than {MAX_DEPTH} levels deep")
        return self.quick(value, topic) or judge(value, self.registry, topic)

    def quick(self, value: bytes, topic: str | None = None) -> EnvelopeStruct | None:
        """What the fast decoder makes of one value; None where the models must judge."""
        fast = self._fast(topic)
        if fast is None:
            return None
        try:
            str(value, "utf-8")
            struct: EnvelopeStruct = fast.decode(value)
        except (UnicodeDecodeError, msgspec.MsgspecError, RecursionError):
            return None
        return None if _may_hold_control(value) and self._holds_control(struct) else struct

    def _fast(self, topic: str | None) -> Fast | None:
        return self._all if topic is None else self._by_topic.get(topic)

    def _parts(self, fast: Fast, values: Sequence[bytes | None], topic: str | None, limit: int) -> list[Decoded]:
        """The chunk at once; where one value spoils it, its parts, so that only that one's neighbours pay for it."""
        if not values:
            return []
        found = self._chunk(fast, values, limit)
        if found is not None:
            return found
        if len(values) <= ALONE:
            return [self.value(value, topic, limit) for value in values]
        size = max(ALONE, -(-len(values) // PARTS))
        found = []
        for start in range(0, len(values), size):
            found += self._parts(fast, values[start : start + size], topic, limit)
        return found

    def _chunk(self, fast: Fast, values: Sequence[Any], limit: int) -> list[Decoded] | None:
        """All values in one call; None if one of them needs a look of its own."""
        try:
            longest = max(map(len, values))
            if longest > min(limit, 2 * MAX_DEPTH) and any(_oversized(value, limit) for value in values):
                return None
            # The decoder takes a line break for any other space. Only because each value opens and closes an object
            # is every break between two values also one between two objects, and equal numbers mean one each.
            if not all(value and value[0] == _OPEN and value[-1] == _CLOSE for value in values):
                return None
            joined = b"\n".join(values)
            str(joined, "utf-8")  # the decoder does not look into the strings that it skips
            structs = fast.decode_lines(joined)
        except (TypeError, UnicodeDecodeError, msgspec.MsgspecError, RecursionError):
            return None
        if len(structs) != len(values):
            return None
        if _may_hold_control(joined):
            for struct, value in zip(structs, values, strict=True):
                if _may_hold_control(value) and self._holds_control(struct):
                    return None
        return structs

    def _holds_control(self, struct: EnvelopeStruct) -> bool:
        found = self._identifiers[type(struct)](struct)
        return any(text is not None and CONTROL.search(text) is not None for text in found)


def _union(specs: Any) -> Fast:
    kinds = tuple(envelope_struct(spec) for spec in specs)
    # `Money` is a class of our own, so the hook gets each amount; a float arrives as the digits that were written.
    return msgspec.json.Decoder(Union[kinds], dec_hook=_amount, float_hook=Decimal)  # noqa: UP007  # kinds is a tuple


def _amount(kind: type[Money], value: object) -> Money:
    """Parse an amount; texts are remembered, since the same amounts come again and again."""
    try:
        return _AMOUNTS[kind][value]  # type: ignore[index]  # an unhashable value is a TypeError, caught here
    except (KeyError, TypeError):
        amount = kind.parse(value)
    if isinstance(value, str):  # only texts: as keys, 1 and True are the same
        known = _AMOUNTS.setdefault(kind, {})
        if len(known) >= _AMOUNTS_KEPT:
            known.clear()
        known[value] = amount
    return amount


def _identifiers(spec: EventSpec) -> Callable[[Any], Any]:
    envelope = [name for name, info in Envelope.model_fields.items() if IDENTIFIER in shape_of(info).metadata]
    data = [f"data.{name}" for name, info in spec.fields.items() if IDENTIFIER in shape_of(info).metadata]
    return attrgetter(*envelope, *data)


def _may_hold_control(value: bytes) -> bool:
    """Cheap and never wrong when it says no: a control character is escaped, is DEL, or begins with 0xC2."""
    return b"\\" in value or b"\x7f" in value or b"\xc2" in value


def _oversized(value: bytes, limit: int) -> bool:
    return len(value) > limit or _depth_exceeds(value, MAX_DEPTH)


def _depth_exceeds(value: bytes, limit: int) -> bool:
    """Whether objects and arrays nest deeper than this; strings are left out."""
    if len(value) <= 2 * limit or value.count(b"[") + value.count(b"{") <= limit:
        return False
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", value)):
        depth += 1 if bracket in b"[{" else -1
        if depth > limit:
            return True
    return False
