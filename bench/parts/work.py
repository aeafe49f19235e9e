"""What is done with the values of one part, the same for every contestant that has no windows of its own."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import ClassVar, Protocol

import msgspec

from bench.parts.order import Part
from bench.peers.job import MINUTE
from streams import codec
from streams.codec import Refusal, spec_of

REFUSED = "refused"
"""Stands for the type of what cannot be decoded."""

Found = dict[str, int]
"""Counts by what was counted, as the checks have them."""


class Happened(msgspec.Struct, gc=False):
    """What a window asks of an event."""

    type: str
    time: datetime
    data: ClassVar[None] = None
    """Nothing else is read."""


_happened = msgspec.json.Decoder(Happened).decode


class Work(Protocol):
    """One part."""

    def take(self, topic: str, values: Sequence[bytes]) -> None:
        """The values of some records of a topic."""

    def one(self, topic: str, value: bytes) -> None:
        """The same for an engine that goes by the record."""

    def found(self) -> Found:
        """Everything counted so far."""


class Consumed:
    """Records and bytes by topic."""

    def __init__(self) -> None:
        self._records: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()

    def take(self, topic: str, values: Sequence[bytes]) -> None:
        """As Work."""
        self._records[topic] += len(values)
        self._bytes[topic] += sum(map(len, values))

    def one(self, topic: str, value: bytes) -> None:
        """As Work."""
        self._records[topic] += 1
        self._bytes[topic] += len(value)

    def found(self) -> Found:
        """As Work."""
        return consumed(self._records, self._bytes)


class Decoded:
    """Events by type, decoded as the product does."""

    def __init__(self) -> None:
        self._kinds: Counter[type] = Counter()

    def take(self, topic: str, values: Sequence[bytes]) -> None:
        """As Work."""
        self._kinds.update(map(type, codec.decode_values(values, topic)))

    def one(self, topic: str, value: bytes) -> None:
        """As Work."""
        self._kinds[type(codec.decode_values((value,), topic)[0])] += 1

    def found(self) -> Found:
        """As Work."""
        return {REFUSED if kind is Refusal else spec_of(kind).name: count for kind, count in self._kinds.items()}


class Minutes:
    """Events by minute and type, in a dictionary: the windows of an engine that has none."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[int, str]] = Counter()

    def take(self, topic: str, values: Sequence[bytes]) -> None:
        """As Work."""
        self._counts.update(minutes(values))

    def one(self, topic: str, value: bytes) -> None:
        """As Work."""
        self._counts.update(minutes((value,)))

    def found(self) -> Found:
        """As Work."""
        return told(self._counts)


WORK: dict[Part, type[Work]] = {Part.CONSUME: Consumed, Part.DECODE: Decoded, Part.WINDOWS: Minutes}


def read(value: bytes) -> Happened | None:
    """Type and time of an event; None where the value is no event."""
    try:
        return _happened(value)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def minute_of(happened: Happened) -> int:
    """The minute that it is counted into, seconds since 1970."""
    return int(happened.time.timestamp()) // MINUTE * MINUTE


def minutes(values: Iterable[bytes]) -> Counter[tuple[int, str]]:
    """Events by minute, seconds since 1970, and type."""
    return Counter([(minute_of(each), each.type) for each in map(read, values) if each is not None])


def told(counts: Counter[tuple[int, str]]) -> Found:
    """Windows under the names that the checks have for them."""
    return {window(minute, kind): count for (minute, kind), count in counts.items()}


def window(minute: int, kind: str) -> str:
    """The name of one type's window."""
    return f"{minute} {kind}"


def consumed(records: Counter[str], sizes: Counter[str]) -> Found:
    """Records and bytes by topic under the names that the checks have for them."""
    found = {f"{topic} records": count for topic, count in records.items()}
    return found | {f"{topic} bytes": size for topic, size in sizes.items()}
