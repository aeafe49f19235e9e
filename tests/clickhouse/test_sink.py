"""R9, one insert is one block: a part for each day in each table, however the server cuts what it reads.

A server reads each record batch of Arrow as a block, each block of Native as one, and of lines 65,409 rows at once
(the embedded server) or `max_insert_block_size`. What puts them together again is `min_insert_block_size_rows`, so a
body has to be longer than what is read at once to show whether it works.
"""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import lz4.frame
import pyarrow
import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.client import insert_settings, unrepeated
from clickhouse.sink import DEAD_LETTER_COLUMNS, Sink
from streams.events import registry
from streams.events.sample import sample
from streams.settings import Settings
from tests.support.rows import Block, bodies, decoded, intent

READ_ROWS = 65_409
"""What the embedded server parses at once."""
SQUASHED_ROWS = 1_048_449
"""What either server puts together if no setting says otherwise."""


@pytest.fixture
async def unmerged(async_client: AsyncClient) -> AsyncIterator[AsyncClient]:
    """No part is merged while the test runs."""
    await async_client.command("SYSTEM STOP MERGES")
    yield async_client
    await async_client.command("SYSTEM START MERGES")


async def parts(client: AsyncClient, *tables: str) -> dict[str, tuple[int, int]]:
    """Parts and rows of these tables."""
    found = await client.query(
        "SELECT table, count(), sum(rows) FROM system.parts WHERE database = currentDatabase() AND active "
        "AND table IN {tables:Array(String)} GROUP BY table",
        parameters={"tables": list(tables)},
    )
    return {table: (count, rows) for table, count, rows in found.result_rows}


def registrations(count: int) -> Block:
    """Rows of one batch, alike but for their offsets, in several record batches."""
    event = sample(registry.events["user.registered"], random.Random(7), datetime.now(UTC))
    block = bodies(decoded([event]), intent())["events_raw"]
    row, at = block.batch, block.columns.index("offset")
    offsets = pyarrow.array(range(count), row.schema.field(at).type)
    rows = pyarrow.Table.from_batches([row.take(pyarrow.array([0] * count))])
    rows = rows.set_column(at, row.schema.field(at), offsets)
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows, max_chunksize=READ_ROWS)
    return Block(block.columns, sink.getvalue().to_pybytes())


async def test_r9_a_batch_longer_than_what_is_read_at_once_is_one_block_in_every_table(
    unmerged: AsyncClient, store: Settings
) -> None:
    count = READ_ROWS + 10_000
    columns, body = registrations(count)

    for _ in range(2):
        written = await Sink(unmerged, store).insert_rows("events_raw", columns, body, "token")
        assert written >= count

    found = await parts(unmerged, "events_raw", "user_events")
    assert found == {"events_raw": (1, count), "user_events": (1, count)}


async def test_r9_dead_letters_that_are_sent_in_several_blocks_are_one(unmerged: AsyncClient, store: Settings) -> None:
    """The client cuts Native bodies into blocks of some megabytes."""
    now = datetime.now(UTC)
    facts = ["chain", 1, "rides.user", 1, 0, 1, "n", 1, "v", "malformed", "", "", "", "", "", 0, "", "x" * 4000, []]
    row = dict(zip(DEAD_LETTER_COLUMNS, [now, now, *facts, False, False, []], strict=True))
    rows = [list((row | {"offset": offset}).values()) for offset in range(5000)]

    for _ in range(2):
        await Sink(unmerged, store).insert_dead_letters(rows, "token")

    assert await parts(unmerged, "dead_letters") == {"dead_letters": (1, 5000)}


async def test_r9_a_batch_beyond_the_limits_of_the_server_is_one_block(unmerged: AsyncClient, store: Settings) -> None:
    """Beyond its rows and, with 250 bytes in each, its bytes."""
    line = b'{"shard":1,"chain":"%b","relation":"none","intent":1}\n' % (b"c" * 250)
    lines = line * (SQUASHED_ROWS + READ_ROWS + 1)

    await unmerged.raw_insert(
        "delivered",
        insert_block=unrepeated(lz4.frame.compress(lines)),
        fmt="JSONEachRow",
        compression="lz4",
        settings=insert_settings(store, "token"),
    )

    assert (await parts(unmerged, "delivered"))["delivered"][0] == 1
