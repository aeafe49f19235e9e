"""Step 1 of the delivery: read the witness, then the log of intents to its end (R4); begin a chain where none is."""

from dataclasses import dataclass
from typing import Literal

import structlog

from agents.deliver import Store
from agents.kill_point import Step, step
from agents.log import IntentLog
from agents.repair.behind import Passed, check_held
from agents.repair.ends import kept
from agents.source import Source
from clickhouse.chains import ChainRows
from clickhouse.witness import Delivered
from streams import intent as intents
from streams.errors import ConfigurationError, LogCut, SourceCut
from streams.intent import Chain, Intent, Ranges

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a chain starts that has no record yet."""

    reset: Literal["earliest", "latest"]
    forgets: bool
    """The broker forgets everything when it restarts (embedded profile): a new chain may then follow an old one."""
    version: str
    stores: int = 1
    """ClickHouse shards that the rows are spread over."""


def _check_stores(shard: int, last: Intent, beginning: Beginning) -> None:
    """Before ClickHouse is asked for rows, which lie elsewhere if the number of its shards is another."""
    if last.stores != beginning.stores:
        raise ConfigurationError(
            f"shard {shard}: its chain lies on ClickHouse shard {shard % last.stores} of {last.stores}, but "
            f"CLICKHOUSE_SHARD_URLS names {beginning.stores}; name as many as before, or move its rows first "
            '(clickhouse/README.md, "More shards")'
        )


async def read_chain(
    shard: int, intents_log: IntentLog, source: Source, store: Store, beginning: Beginning, topics: frozenset[str]
) -> Chain:
    """The chain of the shard up to the log's end, begun if there is none.

    Raises LogCut, WitnessBehind, SourceCut, ConfigurationError, UnknownIntentFormat, SinkUnavailable.
    """
    with step(Step.WITNESS):
        seen = await store.witness.highest(shard)
    with step(Step.CHAIN):
        begin, end = await intents_log.bounds()
        if seen is None:
            chain = Chain()
            intents_log.seek(begin)
        else:
            anchored = await _anchor(shard, seen, intents_log, begin, end)
            if anchored is None:
                anchored = await _after_cut(shard, seen, intents_log, source, store.rows, beginning, begin, end)
            chain = anchored
        passed = Passed(chain.last)
        async for offset, value in intents_log.read_to(end):
            if (record := chain.take(offset, value)) is not None:
                passed.take(record)
    if chain.last is not None:
        _check_stores(shard, chain.last, beginning)
    with step(Step.HELD):
        await check_held(shard, passed.delivered, store.witness)
    if chain.last is None:
        if begin > 0 and seen is None:
            raise LogCut(
                f"shard {shard}: the log of intents starts at {begin} and holds no first record, and ClickHouse has no "
                "rows to go by: stop the workers and run `millrace intents repair`"
            )
        await begin_chain(shard, chain, intents_log, source, beginning)
    last = chain.last
    assert last is not None
    if unknown := last.ranges.keys() - topics:
        raise ConfigurationError(
            f"shard {shard}: its chain covers topics that this version does not know ({', '.join(sorted(unknown))}); "
            "finish the upgrade of the workers"
        )
    return chain


async def _anchor(shard: int, seen: Delivered, intents_log: IntentLog, begin: int, end: int) -> Chain | None:
    """The chain anchored at the delivered record, positioned after it; None if the log does not hold it."""
    if not begin <= seen.offset < end:
        return None
    intents_log.seek(seen.offset)
    async for offset, value in intents_log.read_to(seen.offset + 1):
        record = intents.decode(value)
        if offset == seen.offset and record is not None and record.nonce == seen.nonce:
            return Chain(record, offset)
    return None


async def _after_cut(
    shard: int,
    seen: Delivered,
    intents_log: IntentLog,
    source: Source,
    rows: ChainRows,
    beginning: Beginning,
    begin: int,
    end: int,
) -> Chain:
    """The log does not hold what ClickHouse has seen: go on only from a record that begins anew after it (R4)."""
    intents_log.seek(begin)
    async for offset, value in intents_log.read_to(end):
        record = intents.decode(value)
        if record is not None and record.begins and record.previous == seen.nonce and record.seq == seen.seq + 1:
            return Chain(record, offset)
    if beginning.forgets and begin == 0 and await _is_forgotten(shard, seen, source, rows):
        log.info("the broker has forgotten: a new chain begins", shard=shard, after=seen.seq)
        intents_log.seek(begin)
        chain = Chain()
        watermark = await rows.watermark(shard)
        await begin_chain(shard, chain, intents_log, source, beginning, seen, watermark)
        return chain
    raise LogCut(
        f"shard {shard}: ClickHouse holds rows of record {seen.seq} (chain {seen.chain}), but the log of intents has "
        f"another record or none at offset {seen.offset}: it was cut or re-created. Nothing is read until a person has "
        "looked: stop the workers and run `millrace intents repair`"
    )


async def _is_forgotten(shard: int, seen: Delivered, source: Source, rows: ChainRows) -> bool:
    """Whether the sources went with the log; a new chain over records that have rows would double them."""
    bounds = await source.bounds()
    if any(start > 0 for start, _ in bounds.values()):
        return False
    if left := await kept(rows, source, shard, seen.chain, bounds):
        log.warning("the log of intents is gone, but what it delivered is not", shard=shard, topics=left)
        return False
    return True


async def begin_chain(
    shard: int,
    chain: Chain,
    intents_log: IntentLog,
    source: Source,
    beginning: Beginning,
    after: Delivered | None = None,
    watermark: int = 0,
) -> None:
    """Append the empty record whose starts are the reset policy as numbers, before anything is read.

    `after`: the delivered batch of an older chain that it follows, whose `watermark` (ms since 1970) it carries on.
    Two owners may both do so; the first record of the two is the valid one.
    """
    bounds = await source.bounds()
    at = {topic: begin if beginning.reset == "earliest" else end for topic, (begin, end) in bounds.items()}
    record = first_record({topic: (offset, offset) for topic, offset in at.items()}, after, beginning, watermark)
    while chain.last is None:
        with step(Step.BEGIN):
            offset = await intents_log.append(record.encode())
        end = offset + 1 if offset is not None else (await intents_log.bounds())[1]
        async for position, value in intents_log.read_to(end):
            chain.take(position, value)


def first_record(ranges: Ranges, after: Delivered | None, beginning: Beginning, watermark: int = 0) -> Intent:
    """The record that begins a chain; after a delivered batch of an older chain it names that batch."""
    return Intent(
        format=format_of(beginning.stores),
        chain=intents.nonce(),
        seq=after.seq + 1 if after else 1,
        previous=after.nonce if after else "",
        nonce=intents.nonce(),
        ranges=ranges,
        watermark=watermark,
        version=beginning.version,
        begins=True,
        stores=beginning.stores,
    )


def format_of(stores: int) -> int:
    """The format that a record needs whose rows are spread over so many ClickHouse shards."""
    return intents.FORMAT if stores > 1 else 1


def check_starts(shard: int, chain: Chain, bounds: dict[str, tuple[int, int]]) -> None:
    """R2: the next offset of every topic must still be there, and not lie beyond the topic's end."""
    assert chain.last is not None
    for topic, at in chain.last.ends.items():
        begin, end = bounds[topic]
        if at < begin:
            raise SourceCut(
                f"shard {shard}: {topic} starts at {begin}, but records from {at} on were never taken: its "
                "retention has passed them. `millrace intents repair --skip-lost` goes on after them and counts "
                "them as lost"
            )
        if at > end:
            raise SourceCut(
                f"shard {shard}: {topic} ends at {end}, but records up to {at} were taken: it was cut or re-created. "
                "Stop the workers and run `millrace intents repair`"
            )
