"""Plan the record that begins a new chain for one shard, and append it."""

from dataclasses import dataclass, field

from agents import audit
from agents.build import groupless
from agents.judge import LOST
from agents.recover import format_of
from agents.repair.behind import Passed, told
from agents.repair.behind import lacking as lacking_rows
from agents.repair.ends import Known, Place, agreement, by_rows, place
from agents.repair.parts import Parts, committed
from agents.repair.rest import lacking
from clickhouse.shards import addresses
from clickhouse.witness import Delivered
from streams import intent as intents
from streams.errors import ConfigurationError, LogCut, SinkUnavailable, SourceCut
from streams.intent import Chain, Intent, Ranges
from streams.topics import source_topics
from streams.version import VERSION

TOUCHED = 3
"""Batches at the end of a lost log that may have been delivered in part: the last, and what it may supersede."""


@dataclass(slots=True)
class Plan:
    """What a repair of one shard would do."""

    shard: int
    seen: Delivered | None
    """What ClickHouse has seen last."""
    found: str
    """What is wrong, or that nothing is."""
    places: dict[str, Place] = field(default_factory=dict)
    record: Intent | None = None
    """The record to append; None: nothing to do, or only the line of one that stands there."""
    standing: tuple[Intent, int] | None = None
    """A record that an earlier repair appended and did not finish, with its offset."""
    left: tuple[str, int, str] = ("", 0, "")
    """Chain, seq and nonce of the last record known of the old chain."""

    @property
    def is_needed(self) -> bool:
        """True if there is something to do."""
        return self.record is not None or self.standing is not None

    @property
    def lost(self) -> dict[str, tuple[int, int]]:
        """Per topic the offsets that are gone unread."""
        return {topic: place.lost for topic, place in self.places.items() if place.lost is not None}


async def plan(parts: Parts, shard: int) -> Plan:
    """Look at the log, the rows and the topics of one shard; changes nothing. Raises SinkUnavailable."""
    seen = await parts.witness.highest(shard)
    settings = parts.settings
    log = await audit.read(settings.kafka_intents_topic, shard, groupless(settings), seen, valid=2)
    last = log.last.intent if log.last is not None else None
    if last is None and log.begin == 0 and seen is None:
        return Plan(shard, seen, "no chain has begun yet; the first worker begins it")
    if last is not None and log.last is not None and not log.anchored and last.begins and seen is not None:
        left = (seen.chain, seen.seq, seen.nonce)
        found = f"a repair has begun chain {last.chain} at offset {log.last.raw.offset} and not finished"
        return Plan(shard, seen, found, standing=(last, log.last.raw.offset), left=left)
    bounds = await parts.source(shard).bounds()
    whole = log.anchored or (seen is None and last is not None)
    base = last
    """The record that tells how far ClickHouse's rows reach."""
    above: dict[str, int] = {}
    if whole and last is not None:
        base, lost = await _reached(parts, shard, seen, log, last)
        faults = ([lost] if lost else []) + _faults(base, bounds)
        if not faults:
            return Plan(shard, seen, "the log is whole; nothing to repair")
        found = "the log is whole, but " + "; ".join(faults)
        above = await _above(parts, shard, log, base) if lost else {}
    else:
        found = _cut(seen, log)
    known = await _known(parts, shard, seen, log, base, above)
    made = Plan(shard, seen, found, left=_left(seen, last))
    chain = base.chain if base is not None else made.left[0]
    for topic in sorted(bounds):
        here = known.get(topic)
        source = parts.source(shard)
        agreed = None if here is None else await agreement(parts.rows, source, shard, chain, topic, here, bounds[topic])
        made.places[topic] = place(here, *bounds[topic], agreed)
    # Beyond its own ranges a record has no opinion, so what lies there is judged anew.
    made.record = await _record(parts, made, None if above else base, chain)
    return made


async def _reached(
    parts: Parts, shard: int, seen: Delivered | None, log: audit.Log, last: Intent
) -> tuple[Intent, str]:
    """How far ClickHouse's rows reach: the last record, or the one that it testifies to if it has lost data since.

    With it, what is lost, in words; empty if nothing is.
    """
    valid = [entry.intent for entry in log.entries if entry.intent is not None and entry.is_valid]
    at = next((n for n, record in enumerate(valid) if seen is not None and record.nonce == seen.nonce), None)
    passed = Passed(None if at is None else valid[at])
    for record in valid if at is None else valid[at + 1 :]:
        passed.take(record)
    lost = await lacking_rows(shard, passed.delivered, parts.witness)
    if lost is None:
        return last, ""
    return (valid[0] if at is None else valid[at]), told(*lost)


async def _above(parts: Parts, shard: int, log: audit.Log, base: Intent) -> dict[str, int]:
    """Per topic the end of rows that survived above the record that ClickHouse testifies to; a backup has none.

    Raises ConfigurationError if such rows are of another chain: then nothing tells which of them are whole.
    """
    ends = await parts.rows.ends(shard, base.chain, 1 << 62)
    valid = [entry.intent for entry in log.entries if entry.intent is not None and entry.is_valid]
    for chain in {record.chain for record in valid if record.seq > base.seq} - {base.chain}:
        if left := await parts.rows.ends(shard, chain, 1 << 62):
            raise ConfigurationError(
                f"shard {shard}: ClickHouse holds rows of chain {chain} ({', '.join(left)}), but testifies to chain "
                f"{base.chain} only: data was lost in the middle. Restore a backup with `millrace backup restore`"
            )
    return {topic: end for topic, end in ends.items() if end > base.ends.get(topic, 0)}


async def begin(parts: Parts, made: Plan, actor: str, skip_lost: bool, note: str = "") -> tuple[Intent, int]:
    """Carry a plan out: append its record, and testify to it. Returns the record and its offset.

    Nobody else may write meanwhile. Raises SourceCut if records are lost and `skip_lost` is not given, LogCut if the
    log does not keep the record, ConfigurationError if another one came first.
    """
    if made.lost and not skip_lost:
        raise SourceCut(
            f"shard {made.shard}: records were never taken and are gone ({_listed(made)}); --skip-lost goes on after "
            "them and counts them as lost"
        )
    if made.standing is not None:
        record, offset = made.standing
    else:
        assert made.record is not None
        record = made.record
        offset = await _append(parts, made, record)
    await parts.witness.write_line(made.shard, record, offset)
    await parts.rows.note(
        shard=made.shard,
        left_chain=made.left[0],
        left_seq=made.left[1],
        left_nonce=made.left[2],
        chain=record.chain,
        seq=record.seq,
        nonce=record.nonce,
        intent_offset=offset,
        starts={topic: start for topic, (start, _) in record.ranges.items()},
        lost={topic: end - start for topic, (start, end) in made.lost.items()},
        actor=actor,
        note=note or made.found,
    )
    return record, offset


async def _append(parts: Parts, made: Plan, record: Intent) -> int:
    log = parts.log(made.shard)
    await log.open()
    try:
        offset = await log.append(record.encode())
    finally:
        await log.close()
    if offset is None:
        raise SinkUnavailable("the append to the log of intents has no known outcome; run the repair again")
    settings = parts.settings
    after = await audit.read(settings.kafka_intents_topic, made.shard, groupless(settings), made.seen, valid=2)
    stands = {entry.intent.nonce: entry for entry in after.entries if entry.intent is not None}
    mine = stands.get(record.nonce)
    if mine is None:
        raise LogCut(f"shard {made.shard}: the log acknowledged offset {offset}, but the record is not there")
    if not mine.is_valid:
        raise ConfigurationError(f"shard {made.shard}: another record came first ({mine.why}); run the repair again")
    return offset


async def _known(
    parts: Parts, shard: int, seen: Delivered | None, log: audit.Log, last: Intent | None, above: dict[str, int]
) -> dict[str, Known]:
    """Per topic what was delivered: by the last record if it can be read, else by rows and committed offsets."""
    if last is not None:
        done = await _is_delivered(parts, shard, last)
        word = "delivered" if done else "perhaps not delivered whole"
        word = f"record {last.seq} covers {{}} to {{}} and was {word}"
        return {
            topic: Known(end if done else start, max(end, above.get(topic, 0)), word.format(start, end))
            for topic, (start, end) in last.ranges.items()
        }
    if seen is None:
        # Where no row is, none can be doubled; what the group once committed went to a ClickHouse that is gone.
        return {}
    group = await committed(parts.settings, shard)
    complete = await parts.rows.ends(shard, seen.chain, max(0, seen.seq + 1 - TOUCHED))
    touched = await parts.rows.ends(shard, seen.chain, seen.seq + 1)
    floor = await parts.rows.starts(shard, seen.chain)
    for topic, end in _older(log, seen).items():
        floor[topic] = max(end, floor.get(topic, 0))
    return by_rows(complete, touched, group, floor)


async def _is_delivered(parts: Parts, shard: int, last: Intent) -> bool:
    for table, wanted in last.rows.items():
        if wanted and await parts.witness.count(table, shard, last) < wanted:
            return False
    return True


def _older(log: audit.Log, seen: Delivered | None) -> dict[str, int]:
    """Ends of the last record of the old chain that the log still holds, followed from the first that it holds."""
    chain = Chain()
    for entry in log.entries:
        intent = entry.intent
        if intent is None or (seen is not None and (intent.chain != seen.chain or intent.seq >= seen.seq)):
            continue
        if chain.last is None:
            chain = Chain(intent, entry.raw.offset)
        else:
            chain.take(entry.raw.offset, entry.raw.value)
    return chain.last.ends if chain.last is not None else {}


async def _record(parts: Parts, made: Plan, last: Intent | None, chain: str) -> Intent:
    """The record that begins the new chain, with what the last batch of the old one still lacks."""
    settings = parts.settings
    now = await parts.witness.now()
    spans: Ranges = {topic: (place.start, place.end) for topic, place in made.places.items()}
    _, seq, nonce = made.left
    newest = await parts.rows.newest(made.shard, chain)
    since = newest - 1000 * int(settings.duplicate_memory_seconds + TOUCHED * settings.batch_age_seconds)
    found = await lacking(parts, made.shard, chain, spans, last, now, since)
    if found.is_empty:
        found.ranges = {topic: (end, end) for topic, (_, end) in spans.items()}
        found.verdict = {}
    for topic, (start, end) in made.lost.items():
        found.verdict.setdefault(topic, {})[LOST] = [start, end - start]
    stores = len(addresses(settings))
    return Intent(
        format=format_of(stores),
        chain=intents.nonce(),
        seq=seq + 1,
        previous=nonce,
        nonce=intents.nonce(),
        ranges={topic: found.ranges.get(topic, (0, 0)) for topic in source_topics()},
        rows=found.rows,
        days=found.days,
        rate=last.rate if last is not None else settings.location_sample_rate,
        ingested_at=now,
        # Without it events as old as can be would begin windows anew that were kept long ago.
        watermark=last.watermark if last is not None else await parts.rows.watermark(made.shard),
        kept=last.kept if last is not None else None,
        version=VERSION,
        verdict=found.verdict,
        begins=True,
        stores=stores,
    )


def _faults(last: Intent, bounds: dict[str, tuple[int, int]]) -> list[str]:
    """What recovery would stop for (R2)."""
    faults = []
    for topic, at in last.ends.items():
        begin, end = bounds.get(topic, (at, at))
        if at < begin:
            faults.append(f"{topic} begins at {begin}, and records from {at} on were never taken")
        elif at > end:
            faults.append(f"{topic} ends at {end}, though records up to {at} were taken")
    return faults


def _cut(seen: Delivered | None, log: audit.Log) -> str:
    span = f"it holds offsets {log.begin} to {log.end}" if log.end > log.begin else "it is empty"
    if seen is None:
        return f"the log holds no first record ({span}), and ClickHouse has no rows"
    return (
        f"ClickHouse has seen record {seen.seq} of chain {seen.chain} at offset {seen.offset}, "
        f"which the log does not hold there: {span}"
    )


def _left(seen: Delivered | None, last: Intent | None) -> tuple[str, int, str]:
    if last is not None:
        return last.chain, last.seq, last.nonce
    return (seen.chain, seen.seq, seen.nonce) if seen is not None else ("", 0, "")


def _listed(made: Plan) -> str:
    return ", ".join(f"{topic} {start} to {end}" for topic, (start, end) in made.lost.items())
