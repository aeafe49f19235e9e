"""Blocks into ClickHouse that were made before, in the job's own form, one after the other.

The argument `views` inserts into the raw tables with all that hangs off them, `plain` into copies without a view.
"""

import asyncio
import sys
from contextlib import aclosing

import clickhouse_connect

from bench.parts import lap as laps
from bench.parts.lap import Lap
from bench.parts.limits.fetched import fetched
from bench.parts.work import Found
from bench.peers.job import BATCH_ROWS, Batch, Block, Job
from bench.peers.store import Store
from clickhouse.columns import RAW

PREFIX = {"views": "", "plain": "plain_"}
"""In front of a raw table's name."""


async def made(lap: Lap) -> list[tuple[int, list[Block]]]:
    """The blocks of all batches, with the rows of each batch."""
    job, batch = Job(), Batch()
    batches: list[tuple[int, list[Block]]] = []
    rows = 0
    async with aclosing(fetched(lap.place.servers)) as found:
        async for tp, records in found:
            job.take(
                batch,
                tp.topic,
                tp.partition,
                [record.offset for record in records],
                [record.timestamp for record in records],
                [record.value for record in records],
            )
            done = rows + batch.rows >= lap.order.records
            if batch.rows >= BATCH_ROWS or done:
                rows += batch.rows
                batches.append((batch.rows, job.blocks(batch)))
                batch = Batch()
            if done:
                return batches
    raise AssertionError("records are fetched for ever")


def main(way: str) -> None:
    """Make the blocks, then insert them."""
    lap, prefix = laps.given(), PREFIX[way]
    batches = [
        (rows, [block._replace(table=prefix + block.table) for block in blocks])
        for rows, blocks in asyncio.run(made(lap))
    ]
    client = clickhouse_connect.get_client(**lap.place.clickhouse)
    if prefix:
        for raw in RAW:
            client.command(f"CREATE TABLE {prefix}{raw.name} AS {raw.name}")

    def found() -> Found:
        kinds: Found = {}
        for raw in RAW:
            answer = client.query(f"SELECT event_type, count() FROM {prefix}{raw.name} GROUP BY 1")
            kinds.update((kind, count) for kind, count in answer.result_rows)
        return kinds

    store = Store(lap.place)
    lap.ready()
    for rows, blocks in batches:
        store.insert(blocks)
        lap.seen(rows, found)


if __name__ == "__main__":
    main(sys.argv[1])
