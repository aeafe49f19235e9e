"""A dead letter's record as it would be sent again: edited or not, with the opinion of this version on it; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from agents.judge import Policy
from streams import codec, skew
from streams.errors import ConfigurationError
from streams.letter import ATTEMPT_HEADER, REPLAY_PREFIX, Letter

ORIGIN_HEADER = REPLAY_PREFIX + "origin"
"""The first dead letter of a record that was replayed more than once."""

_exact = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
_write = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True)
class Change:
    """What a person changes before a letter is sent again; empty: nothing."""

    fields: Mapping[str, Any] | None = None
    """New values by path, such as `data.seats`."""
    value: bytes | None = None
    """The whole record anew."""
    topic: str | None = None
    """Another source topic than the one it came from."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record ready to be sent."""

    letter: Letter
    topic: str
    partition: int | None
    """Where the letter's record stood; None: where murmur2 of the key puts it."""
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    edited: bool
    refusal: str
    """Why this version would refuse it again; empty if it would not."""

    @property
    def attempt(self) -> int:
        """How many replays the record has behind it once it is sent."""
        return self.letter.attempt + 1


@dataclass(frozen=True, slots=True)
class Rules:
    """What this version's opinion depends on."""

    now: datetime
    bytes_limit: int
    policy: Policy


def prepare(letter: Letter, change: Change, action: str, rules: Rules) -> Outgoing:
    """The record to send for a letter. Raises ConfigurationError for a change that cannot be made."""
    value = letter.value if change.value is None else change.value
    if change.fields:
        value = with_fields(value, change.fields)
    edited = value != letter.value
    topic = change.topic or letter.id.topic
    found = _decode(value, letter.headers, topic, rules)
    key, partition = letter.key, letter.id.partition if topic == letter.id.topic else None
    if not isinstance(found, codec.Refusal) and (edited or partition is None):
        # An edited event goes where its key belongs; an untouched one stays beside the others of its producer.
        proper = codec.spec_of(type(found)).key(found.data)
        key, partition = proper, partition if proper == letter.key else None
    return Outgoing(
        letter, topic, partition, key, value, headers(letter, action, edited), edited, _opinion(found, rules)
    )


def headers(letter: Letter, action: str, edited: bool) -> list[tuple[str, bytes | None]]:
    """The record's own headers, and those that mark it as replayed."""
    given = dict(letter.headers)
    facts = {
        REPLAY_PREFIX + "of": str(letter.id),
        ORIGIN_HEADER: (given.get(ORIGIN_HEADER) or b"").decode("utf-8", "replace") or str(letter.id),
        ATTEMPT_HEADER: str(letter.attempt + 1),
        REPLAY_PREFIX + "action": action,
        REPLAY_PREFIX + "edited": "true" if edited else "false",
    }
    own = [(name, value) for name, value in letter.headers if not name.startswith(REPLAY_PREFIX)]
    return [*own, *((name, text.encode()) for name, text in facts.items())]


def with_fields(value: bytes | None, changes: Mapping[str, Any]) -> bytes:
    """A JSON object with some of its fields changed; numbers keep their digits. Raises ConfigurationError."""
    try:
        whole = _exact.decode(value or b"")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError(
            f"the record is no JSON object, so no field of it can be set ({error}); use --edit or --file"
        ) from None
    for path, new in changes.items():
        _assign(whole, path, new)
    return _write(whole)


def _assign(whole: dict[str, Any], path: str, new: Any) -> None:
    *above, last = path.split(".")
    place = whole
    for name in above:
        place = place.setdefault(name, {})
        if not isinstance(place, dict):
            raise ConfigurationError(f"--set {path}: {name} is no object in this record")
    place[last] = new


def assignments(texts: Sequence[str]) -> dict[str, Any]:
    """`path=value` arguments; a value is JSON, or else text as it stands. Raises ConfigurationError."""
    found: dict[str, Any] = {}
    for text in texts:
        path, equals, value = text.partition("=")
        if not equals or not all(path.split(".")):
            raise ConfigurationError(f"--set {text!r}: write path=value, such as data.seats=2")
        try:
            found[path] = msgspec.json.Decoder(float_hook=Decimal).decode(value)
        except (msgspec.MsgspecError, UnicodeError):
            found[path] = value
    return found


def _decode(value: bytes | None, given: Sequence[tuple[str, bytes | None]], topic: str, rules: Rules) -> Any:
    if codec.is_binary(given):
        return codec.decode_binary(given, value, topic, rules.bytes_limit)
    return codec.decode_values([value], topic, rules.bytes_limit)[0]


def _opinion(found: Any, rules: Rules) -> str:
    if isinstance(found, codec.Refusal):
        return (
            f"{found.reason}: {found.message}" if not found.field else f"{found.reason} {found.field}: {found.message}"
        )
    policy = rules.policy
    too_old_before = rules.now - timedelta(days=policy.cold_days)
    for reason in skew.verdicts([found], rules.now, policy.skew_seconds, too_old_before).values():
        return f"{reason} time: {skew.words(found.time, rules.now, policy.skew_seconds, too_old_before)}"
    return ""
