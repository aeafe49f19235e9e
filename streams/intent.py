"""The log of intents: the record that proposes a batch, and the rule that says which records are valid.

Whoever appends first decides: every reader of a shard's log, a stalled owner and its successor included,
takes the same records for valid, and so sees the same chain of disjoint, gapless ranges.
"""

import secrets
from typing import Any

import msgspec

from streams.batch import Runs
from streams.errors import UnknownIntentFormat

FORMAT = 2
"""The newest that this version reads. A record says 2 only where its chain lies on one of several ClickHouse shards,
which a worker of format 1 would not look at."""

Ranges = dict[str, tuple[int, int]]
"""Per source topic the half-open range of offsets of one partition."""

Verdict = dict[str, dict[str, Runs]]
"""Per source topic and word the offsets that make no row.

The word is a `Reject`, `duplicate`, `sampled_out`, `suppressed` or `lost`.
"""

Missing = dict[str, dict[str, Runs]]
"""Per table and source topic the offsets whose rows a superseding record still delivers."""


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """One record of the log. Times are milliseconds since 1970 by ClickHouse's clock."""

    format: int = 1
    chain: str
    seq: int
    previous: str
    """Nonce of the last valid record; empty at the beginning of a log."""
    nonce: str
    ranges: Ranges
    rows: dict[str, int] = {}
    """Rows of the batch per table; for a superseding record those that it still delivers."""
    days: dict[str, list[str]] = {}
    """Per table the days (of its partition key, `YYYY-MM-DD`) that the batch touches."""
    rate: float = 1.0
    """Share of location pings kept."""
    ingested_at: int = 0
    watermark: int = 0
    """The shard's watermark before the batch; it decides which rows are late for their windows."""
    kept: int | None = None
    """The event time below which all that had closed by that watermark was in `metrics_realtime`. None: not known, as
    where the record before is lost; then nothing beyond what stays open is counted again."""
    version: str = ""
    verdict: Verdict = {}
    missing: Missing | None = None
    """Set in a superseding record: what the aged batch had not delivered."""
    begins: bool = False
    """True in the first record of a chain."""
    stores: int = 1
    """How many ClickHouse shards there are: the rows of shard n lie on n mod `stores`. Fixed for a chain."""

    @property
    def is_empty(self) -> bool:
        """True if the record has nothing to deliver: it begins or closes a chain, or all rows are there."""
        return not any(self.rows.values())

    @property
    def starts(self) -> dict[str, int]:
        """Per source topic the offset at which this batch starts."""
        return {topic: start for topic, (start, _) in self.ranges.items()}

    @property
    def ends(self) -> dict[str, int]:
        """Per source topic the offset at which the next batch starts."""
        return {topic: end for topic, (_, end) in self.ranges.items()}

    def token(self, group: str, shard: int) -> str:
        """ClickHouse's `insert_deduplication_token` for each table of this batch."""
        return f"{group}/{shard}/{self.chain}/{self.seq}/{self.nonce}"

    def encode(self) -> bytes:
        """The record's value on the log: JSON, so that a person can read it."""
        return _encode(self)


_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(Intent).decode
_decode_format = msgspec.json.Decoder(dict[str, Any]).decode


def decode(value: bytes | None) -> Intent | None:
    """Read a record; None if it is no intent at all. Raises UnknownIntentFormat for one of a later version."""
    try:
        head = _decode_format(value or b"")
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if isinstance(head.get("format"), int) and head["format"] > FORMAT:
        raise UnknownIntentFormat(
            f"the log of intents holds a record of format {head['format']}, this version knows {FORMAT}: "
            "let a worker of the newer version take this shard"
        )
    try:
        return _decode(value or b"")
    except msgspec.ValidationError:
        return None


def nonce() -> str:
    """A new random word that tells two records of the same seq apart."""
    return secrets.token_hex(8)


class Chain:
    """The valid records of one shard, followed in the order of the log."""

    def __init__(self, anchor: Intent | None = None, offset: int = -1) -> None:
        """Start from a record known to be valid (it was delivered), or from nothing."""
        self.last = anchor
        self.offset = offset
        self.void = 0

    def take(self, offset: int, value: bytes | None) -> Intent | None:
        """Judge the next record of the log; returns it if it is valid, else None.

        `offset` is the record's own offset. Raises UnknownIntentFormat.
        """
        intent = decode(value)
        if intent is not None and self._is_valid(intent):
            self.last, self.offset = intent, offset
            return intent
        self.void += 1
        return None

    def _is_valid(self, intent: Intent) -> bool:
        last = self.last
        if last is None:
            return intent.begins
        if intent.seq != last.seq + 1 or intent.previous != last.nonce:
            return False
        if intent.begins:
            return True
        return intent.chain == last.chain and intent.stores == last.stores and _continues(intent, last)


def _continues(intent: Intent, last: Intent) -> bool:
    """True if the ranges start where the last ones end (next batch), or equal them (superseding)."""
    if not last.ranges.keys() <= intent.ranges.keys():
        return False
    if any(start > end for start, end in intent.ranges.values()):
        return False
    if intent.missing is not None:
        return intent.ranges == last.ranges
    return all(intent.ranges[topic][0] == end for topic, (_, end) in last.ranges.items())
