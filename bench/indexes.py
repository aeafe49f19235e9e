"""Whether skip indexes and a projection are worth it: `python -m bench indexes --home FOLDER` asks with and without.

What the delivery asks of a raw table after a crash (rows of the last minute, rows of one intent) is asked by the
product's own code, of the batches that the store holds, with its skip indexes and with `use_skip_indexes=0`. Then two
copies of `events_raw` in its order, one with a projection by type and hour, are asked an ad hoc question about one type
in an hour, and take blocks of a worker's size. The store is one that `python -m bench volume --keep FOLDER` made.
"""

import random
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client
from rich.table import Table

from bench import kept, uncached
from bench.keys import COPY_SECONDS, PLACE, SIZE, SMALL
from clickhouse.client import connect, connect_sync
from clickhouse.partials import Partials
from clickhouse.witness import Witness
from streams.intent import Intent
from streams.settings import Settings

TABLE: Final = "events_raw"
BLOCK_ROWS: Final = 20_000
"""Rows of an insert, as a worker's batch has them."""
BLOCKS: Final = 5
"""Different ones, which come again."""
LAST_SECONDS: Final = 60
MOST_ROWS: Final = 50_000
BATCHES: Final = """
SELECT shard, chain, intent, nonce, any(at), groupUniqArrayArray(days), groupArray((topic, low, high))
FROM
(
    SELECT shard, chain, intent, nonce, topic, toUnixTimestamp64Milli(any(ingested_at)) AS at,
        groupUniqArray(toString(toDate(occurred_at))) AS days, min(offset) AS low, max(offset) + 1 AS high
    FROM events_raw GROUP BY shard, chain, intent, nonce, topic
)
GROUP BY shard, chain, intent, nonce ORDER BY shard, intent
"""
INDEX_BYTES: Final = """
SELECT name, data_compressed_bytes + marks_bytes FROM system.data_skipping_indices
WHERE database = currentDatabase() AND table = 'events_raw' ORDER BY name
"""
PROJECTION: Final = "by_type (SELECT * ORDER BY event_type, toStartOfHour(occurred_at))"
AD_HOC: Final = """
SELECT count(), uniqExact(user_id), sum(amount) FROM {table}
WHERE event_type = {{type:String}} AND occurred_at >= {{since:DateTime}}
    AND occurred_at < {{since:DateTime}} + INTERVAL 1 HOUR
"""
MOMENTS: Final = "SELECT DISTINCT event_type, toStartOfHour(occurred_at) FROM events_raw ORDER BY ALL"
CPU: Final = """
SELECT avg(ProfileEvents['UserTimeMicroseconds'] + ProfileEvents['SystemTimeMicroseconds']) / 1000
FROM system.query_log WHERE type = 'QueryFinish' AND startsWith(log_comment, {run:String}) AND query_kind = 'Insert'
"""
Batch = tuple[int, Intent]
"""Shard and record."""
Ask = Callable[[AsyncClient, Batch], Awaitable[Any]]


def _since(batch: Batch) -> int:
    return batch[1].ingested_at - LAST_SECONDS * 1000


async def _accepted(client: AsyncClient, batch: Batch) -> Any:
    shard, intent = batch
    [topic, (_, end)] = next(iter(intent.ranges.items()))
    return await Witness(client).accepted(TABLE, shard, topic, end, _since(batch), MOST_ROWS)


ASKED: Final[Mapping[str, Ask]] = {
    "events of the last minute, for the memory of duplicates": _accepted,
    "topics of the last minute": lambda client, of: Witness(client).topics_since(TABLE, of[0], _since(of)),
    "any event of the newest hours": lambda client, of: Partials(client).has_rows(
        TABLE, of[0], of[1].ingested_at // 1000 - 3600
    ),
    "rows of one intent": lambda client, of: Witness(client).count(TABLE, *of),
    "offsets of one intent that are there": lambda client, of: Witness(client).present(TABLE, *of, of[1].days[TABLE]),
}
"""What is asked, and by which code of the product."""


async def _batches(client: AsyncClient) -> list[Batch]:
    return [
        (
            shard,
            Intent(
                chain=chain,
                seq=seq,
                previous="",
                nonce=nonce,
                ranges={topic: (low, high) for topic, low, high in ranges},
                ingested_at=at,
                days={TABLE: days},
            ),
        )
        for shard, chain, seq, nonce, at, days, ranges in (await client.query(BATCHES)).result_rows
    ]


async def indexes(client: AsyncClient, rounds: int, dice: random.Random) -> dict[str, Any]:
    """By question, with and without the indexes in turn: times, and what was read."""
    run, batches = uncached.new_run("indexes"), await _batches(client)
    newest = [max((each for each in batches if each[0] == shard), key=_since) for shard in {s for s, _ in batches}]
    spent: dict[str, list[float]] = {}
    for number in range(rounds):
        for name, ask in ASKED.items():
            batch = dice.choice(batches if "intent" in name else newest)
            for which, use in (("with", 1), ("without", 0)):
                mark = f"{name} {which}"
                uncached.mark(client, uncached.comment(run, mark, number), use_skip_indexes=use)
                began = time.perf_counter()
                await ask(client, batch)
                spent.setdefault(mark, []).append((time.perf_counter() - began) * 1000)
    read = await uncached.read(client, run)
    return {
        name: {which: kept.times(spent[f"{name} {which}"]) | read[f"{name} {which}"] for which in ("with", "without")}
        for name in ASKED
    }


@contextmanager
def copies(client: Client) -> Iterator[dict[str, str]]:
    """Two merged copies of the raw table for a while, by whether they have the projection."""
    engine, partition, key = client.query(PLACE, parameters={"t": TABLE}).result_rows[0]
    tables = {"without": "bench_plain", "with": "bench_projected"}
    try:
        for which, name in tables.items():
            client.command(f"DROP TABLE IF EXISTS {name} SYNC")
            client.command(
                f"CREATE TABLE {name} AS {TABLE} ENGINE = {engine} PARTITION BY {partition} ORDER BY ({key})"
            )
            client.command(f"ALTER TABLE {name} DROP CONSTRAINT IF EXISTS fresh")  # the rows are old by now
            if which == "with":
                client.command(f"ALTER TABLE {name} ADD PROJECTION {PROJECTION}")
            client.command(f"INSERT INTO {name} SELECT * FROM {TABLE}", settings=SMALL)
            client.command(f"OPTIMIZE TABLE {name} FINAL")
        yield tables
    finally:
        for name in tables.values():
            client.command(f"DROP TABLE IF EXISTS {name} SYNC")


def projection(client: Client, rounds: int, dice: random.Random) -> dict[str, Any]:
    """With and without: bytes, times and rows read of the question, milliseconds of CPU an insert."""
    run, moments = uncached.new_run("projection"), client.query(MOMENTS).result_rows
    spent: dict[str, list[float]] = {"without": [], "with": []}
    with copies(client) as tables:
        size = {w: client.query(SIZE, parameters={"t": name}).result_rows[0][0] for w, name in tables.items()}
        for number in range(rounds):
            kind, since = dice.choice(moments)
            for which, name in tables.items():
                said = {**uncached.UNCACHED, "log_comment": uncached.comment(run, which, number)}
                began = time.perf_counter()
                client.query(AD_HOC.format(table=name), parameters={"type": kind, "since": since}, settings=said)
                spent[which].append((time.perf_counter() - began) * 1000)
        for number in range(rounds):
            for which, name in tables.items():
                _insert(client, name, number, f"{run}-insert/{which}/")
        client.command("SYSTEM FLUSH LOGS")
        read = uncached.figures(client.query(uncached.READ, parameters={"run": f"{run}/"}).result_rows)
        cost = {w: client.query(CPU, parameters={"run": f"{run}-insert/{w}/"}).result_rows[0][0] for w in tables}
    return {
        which: {"bytes": size[which], "insert_cpu_ms": round(cost[which], 1)} | kept.times(times) | read[which]
        for which, times in spent.items()
    }


def _insert(client: Client, name: str, number: int, said: str) -> None:
    """One block of rows that the raw table holds; both copies take the same, reading them included."""
    client.command(
        f"INSERT INTO {name} SELECT * FROM {TABLE} LIMIT {BLOCK_ROWS} OFFSET {number % BLOCKS * BLOCK_ROWS}",
        settings={"log_comment": f"{said}{number}", "log_queries": 1, "max_threads": 1},
    )


async def measure(settings: Settings, rounds: int, dice: random.Random) -> dict[str, Any]:
    """Raw rows of the store, the indexes with their bytes and questions, and the projection."""
    patient = settings.model_copy(update={"clickhouse_timeout_seconds": COPY_SECONDS})
    client, other = await connect(patient), connect_sync(patient)
    try:
        rows = other.query(f"SELECT count() FROM {TABLE}").result_rows[0][0]
        return {
            "rows": rows,
            "index_bytes": {str(name): int(size) for name, size in other.query(INDEX_BYTES).result_rows},
            "indexes": await indexes(client, rounds, dice),
            "projection": projection(other, rounds, dice),
        }
    finally:
        await client.close()
        other.close()


def show(result: dict[str, Any]) -> Table:
    """The table that is printed."""
    made = Table("Asked of events_raw", "p50 ms", "without", "Rows read", "without", title=f"{result['rows']:,} rows")
    for name, each in (result["indexes"] | {"projection: one type in an hour": result["projection"]}).items():
        sides = (each["with"], each["without"])
        made.add_row(
            name, *(f"{side['median_ms']:.0f}" for side in sides), *(f"{side['read_rows']:,}" for side in sides)
        )
    return made


if __name__ == "__main__":
    kept.run("indexes", __doc__, measure, show, 30)
