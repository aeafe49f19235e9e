"""The log of intents as its readers see it: every record, whether it is valid, and if not, why."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from agents.log import ConsumerFactory
from clickhouse.witness import Delivered
from streams import intent as intents
from streams.batch import count_runs
from streams.errors import SinkUnavailable, UnknownIntentFormat
from streams.intent import Chain, Intent

WINDOW = 500
"""Records read at first, from the log's end; doubled until there are enough."""


@dataclass(frozen=True, slots=True)
class Raw:
    """One record of the log as Kafka holds it."""

    offset: int
    at: int
    """Its timestamp, milliseconds since 1970."""
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of the log, judged."""

    raw: Raw
    intent: Intent | None
    """None if the record cannot be read."""
    why: str
    """Why it is void; empty for a valid record."""

    @property
    def is_valid(self) -> bool:
        """True if the record is part of the chain."""
        return not self.why


@dataclass(frozen=True, slots=True)
class Log:
    """The end of one shard's log, judged."""

    shard: int
    begin: int
    """First offset that the log still holds."""
    end: int
    entries: list[Entry]
    anchored: bool
    """True if the record that ClickHouse has seen last is where it was seen; False: cut, or nothing was seen."""

    @property
    def last(self) -> Entry | None:
        """The last valid record."""
        return next((entry for entry in reversed(self.entries) if entry.is_valid), None)


async def read(
    topic: str,
    shard: int,
    consumer: ConsumerFactory,
    seen: Delivered | None,
    valid: int | None = None,
    first: int | None = None,
) -> Log:
    """Read a shard's log from its end backwards, until it holds so many `valid` records or begins at offset `first`.

    Neither given: the whole log. `seen` is what ClickHouse has seen last. Raises SinkUnavailable.
    """
    reader = consumer()
    tp = TopicPartition(topic, shard)
    try:
        await reader.start()
        reader.assign([tp])
        begin = (await reader.beginning_offsets([tp]))[tp]
        end = (await reader.end_offsets([tp]))[tp]
        window = WINDOW if valid is not None or first is not None else end - begin
        while True:
            start = max(begin, min(end - window, first if first is not None else end))
            records: list[Raw] = []
            reader.seek(tp, start)
            while await reader.position(tp) < end:
                for record in (await reader.getmany(tp, timeout_ms=500)).get(tp, ()):
                    records.append(Raw(record.offset, record.timestamp, record.value))
            entries, anchored = judge(records, seen, whole=start == begin)
            if start == begin or (anchored and sum(e.is_valid for e in entries) >= (valid or 0)):
                return Log(shard, begin, end, entries, anchored)
            window *= 2
    except KafkaError as error:
        raise SinkUnavailable(
            f"the log of intents, partition {shard} of {topic}, cannot be read: {type(error).__name__}. Is the broker "
            "running, and KAFKA_BOOTSTRAP_SERVERS its address? `millrace topics check` says more"
        ) from error
    finally:
        await reader.stop()


def judge(records: Sequence[Raw], seen: Delivered | None, whole: bool) -> tuple[list[Entry], bool]:
    """Which records are valid, as every reader decides; and whether what ClickHouse has seen is among them.

    From the seen record the chain is followed both ways: each names the one before it. Where it is not in the log,
    what is left is followed from the record that names it; a `whole` log without rows is followed from its beginning.
    """
    decoded = [_decode(raw) for raw in records]
    at = {intent.nonce: i for i, intent in reversed(list(enumerate(decoded))) if isinstance(intent, Intent)}
    anchor = at.get(seen.nonce) if seen is not None else None
    anchored = seen is not None and anchor is not None and records[anchor].offset == seen.offset
    valid = _backwards(decoded, at, anchor) if anchor is not None else set()
    chain = Chain()
    start = 0
    if anchor is not None:
        found = decoded[anchor]
        assert isinstance(found, Intent)
        chain, start = Chain(found, anchor), anchor + 1
    elif seen is not None:
        start = next((i for i, r in enumerate(decoded) if isinstance(r, Intent) and follows(r, seen)), len(decoded))
    elif not whole:
        start = len(decoded)
    for i in range(start, len(decoded)):
        intent = decoded[i]
        if isinstance(intent, Intent):
            if chain.last is None and seen is not None and follows(intent, seen):
                chain = Chain(intent, i)
                valid.add(i)
            elif chain.take(i, records[i].value) is not None:
                valid.add(i)
    entries: list[Entry] = []
    last: Intent | None = None
    for i, (raw, intent) in enumerate(zip(records, decoded, strict=True)):
        why = "" if i in valid else intent if isinstance(intent, str) else _why(intent, last)
        last = intent if isinstance(intent, Intent) and i in valid else last
        entries.append(Entry(raw, intent if isinstance(intent, Intent) else None, why))
    return entries, anchored


def follows(intent: Intent, seen: Delivered) -> bool:
    """Whether the record names the one that ClickHouse has seen last as its predecessor."""
    return intent.previous == seen.nonce and intent.seq == seen.seq + 1


def kind(intent: Intent) -> str:
    """What a record does: `begin`, `supersede`, `close` or `batch`."""
    if intent.begins:
        return "begin"
    if intent.missing is not None:
        return "supersede"
    return "close" if all(start == end for start, end in intent.ranges.values()) else "batch"


def verdicts(intent: Intent) -> dict[str, int]:
    """How many offsets the record's verdict names, by word."""
    counts: dict[str, int] = {}
    for words in intent.verdict.values():
        for word, runs in words.items():
            counts[word] = counts.get(word, 0) + count_runs(runs)
    return counts


def completed(valid: Sequence[Intent]) -> set[int]:
    """Of valid records in their order, the seqs of those of which a later one delivers what they lacked.

    A superseding record does so for the one before it, and a chain that begins anew for every record that lies above
    its beginning: that a running worker had put into a log that was just created, say, or whose rows were lost.
    """
    found = {record.seq - 1 for record in valid if record.missing is not None}
    begun: list[Intent] = []
    for record in reversed(valid):
        if any(_lies_above(record, later) for later in begun):
            found.add(record.seq)
        if record.begins:
            begun.append(record)
    return found


def _lies_above(record: Intent, later: Intent) -> bool:
    """Whether a chain that begins with `later` takes everything of the record again."""
    return all(later.ranges.get(topic, span)[0] <= span[0] for topic, span in record.ranges.items())


def _backwards(decoded: Sequence[Intent | str], at: dict[str, int], anchor: int) -> set[int]:
    """The anchor and all its predecessors in the window."""
    valid = {anchor}
    here: int | None = anchor
    while here is not None:
        intent = decoded[here]
        assert isinstance(intent, Intent)
        before = at.get(intent.previous) if intent.previous else None
        here = before if before is not None and before < here else None
        if here is not None:
            valid.add(here)
    return valid


def _decode(raw: Raw) -> Intent | str:
    """The record, or why it is none."""
    try:
        return intents.decode(raw.value) or "no intent: not the JSON of one"
    except UnknownIntentFormat as error:
        return str(error)


def _why(intent: Intent | str, last: Intent | None) -> str:
    assert isinstance(intent, Intent)
    if last is None:
        return "before the first record that can be judged: what it follows is not in the log"
    if intent.seq <= last.seq:
        return f"record {last.seq} already stands before it: another owner was first, or it is a second copy"
    if intent.seq > last.seq + 1:
        return f"leaves out records between {last.seq} and {intent.seq}"
    if intent.previous != last.nonce:
        return f"follows {intent.previous or 'nothing'}, not {last.nonce}, the last valid record"
    if intent.chain != last.chain:
        return f"belongs to chain {intent.chain}, not {last.chain}"
    return "its ranges neither start where the last record's end nor equal them"
