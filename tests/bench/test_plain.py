"""Stages that work event by event make of the same records what the product's stages make of them, to the value."""

import io
import time
from collections import Counter, defaultdict
from datetime import datetime
from typing import Any

import pyarrow as pa

from bench.peers.backlog import AGE, Backlog
from bench.peers.job import PARTITIONS, Batch, Block, Job, Tp
from bench.peers.plain import Plain
from bench.world import Message
from clickhouse.columns import tables
from streams.events.columns import is_nullable
from streams.moments import EPOCH
from streams.topics import partition_of

COUNT = 4000
STAMP = 1_700_000_000_123
WHEN = frozenset({"ingested_at", "watermark"})
"""Columns that say when a row was made."""
NOTHING = (0, "", EPOCH)
"""What a column that holds no NULL has where there is nothing."""
BY_LOG = frozenset({"chain", "intent", "nonce", "intent_offset"})
"""Columns that only the product's protocol fills."""


def worked(job: Job, messages: list[Message]) -> Batch:
    """The messages as one batch, each topic partition in one go."""
    batch, found = Batch(), defaultdict[Tp, list[bytes]](list)
    for topic, key, value in messages:
        found[topic, partition_of(key, PARTITIONS)].append(value)
    for at, values in found.items():
        job.take(batch, *at, list(range(len(values))), [STAMP] * len(values), values)
    return batch


def rows(block: Block) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Rows by topic, shard and offset, as the table would have them."""
    if isinstance(block.body, bytes):
        found = pa.ipc.open_stream(io.BytesIO(block.body)).read_all().to_pylist()
    else:
        found = [dict(zip(block.columns, row, strict=True)) for row in block.body]
    return {(row["topic"], row["shard"], row["offset"]): stored(block.table, row) for row in found}


def stored(table: str, row: dict[str, Any]) -> dict[str, Any]:
    """Without what differs between two deliveries; NULL is the empty value where a column holds none."""
    told = {}
    for column in tables()[table]:
        value = row.get(column.name)
        if value is None and not is_nullable(column.clickhouse_type):
            value = ""
        if isinstance(value, datetime):
            value = value.replace(microsecond=value.microsecond // 1000 * 1000)
        if column.name not in WHEN | BY_LOG:
            told[column.name] = 0 if value is not None and value in NOTHING else value
    return told


def test_plain_stages_make_the_same_rows_dead_letters_and_minutes() -> None:
    messages = list(Backlog(time.time() - AGE).phase(0, COUNT))
    whole, plain = Job(), Plain()
    by_batch, by_event = worked(whole, messages), worked(plain, messages)
    assert Counter(by_event.refused) == Counter(by_batch.refused)
    assert by_event.refused
    assert by_event.ends == by_batch.ends
    assert plain.minutes(by_event) == whole.minutes(by_batch)
    found = {block.table: rows(block) for block in plain.blocks(by_event)}
    wanted = {block.table: rows(block) for block in whole.blocks(by_batch)}
    assert {table: len(each) for table, each in found.items()} == {table: len(each) for table, each in wanted.items()}
    for table, each in wanted.items():
        for at, row in each.items():
            assert found[table][at] == row
