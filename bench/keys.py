"""Whether the sort keys are worth it: `python -m bench keys --home FOLDER` asks tables in another order.

Of every table that a question of bench/queries reads there are two copies for the time of the run, each merged to one
part a partition: one in the table's order, and one in the order that is the obvious other choice, by time first where
the table has it last, last where it has it first. Both are asked the same in turn. The store is one that
`python -m bench volume --keep FOLDER` made.
"""

import random
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from clickhouse_connect.driver.client import Client
from rich.table import Table

from bench import kept
from bench.query import DAYS, SPAN, drawn, parameters, questions
from bench.uncached import UNCACHED, new_run
from clickhouse.client import connect_sync
from streams.settings import Settings

COPY_SECONDS: Final = 600.0
"""What a copy may take."""
SMALL: Final = {"max_threads": 1, "max_block_size": 8192, "min_insert_block_size_bytes": 2**25}
"""States of sketches take far more memory than disk."""
TIMES: Final = ("bucket", "occurred_at")
HOUR: Final = re.compile(r"toStartOfHour\((\w+)\)")
FROM = re.compile(r"\bFROM ([a-z_]+)\b")
LIST = re.compile(r",\s*(?![^()]*\))")
"""Commas between expressions, not those within brackets."""
PLACE = (
    "SELECT engine, partition_key, sorting_key FROM system.tables WHERE database = currentDatabase() AND name = %(t)s"
)
SIZE = "SELECT sum(bytes_on_disk) FROM system.parts WHERE database = currentDatabase() AND active AND table = %(t)s"
READ = (
    "SELECT quantile(0.5)(read_rows) FROM system.query_log WHERE type = 'QueryFinish' AND startsWith(query_id, %(q)s)"
)


def other(key: str) -> str:
    """The sort key with its time moved to the other end; the hour of the time goes with it.

    >>> other("country, city, bucket"), other("bucket, city")
    ('bucket, country, city', 'city, bucket')
    >>> other("toStartOfHour(occurred_at), ifNull(visit, ''), occurred_at"), other("type, toStartOfHour(occurred_at)")
    ("ifNull(visit, ''), occurred_at", 'occurred_at, type')
    """
    words = LIST.split(key)
    times = [word for word in words if word in TIMES or HOUR.fullmatch(word)]
    [at] = [HOUR.sub(r"\1", word) for word in times][:1]
    rest = [word for word in words if word not in times]
    return ", ".join([*rest, at] if words[0] in times else [at, *rest])


@contextmanager
def copied(client: Client, table: str) -> Iterator[dict[str, str]]:
    """Two copies of a table, merged, for a while: their names by which key they have; and the keys themselves."""
    engine, partition, key = client.query(PLACE, parameters={"t": table}).result_rows[0]
    keys = {"own": key, "other": other(key)}
    try:
        for which, order in keys.items():
            client.command(f"DROP TABLE IF EXISTS bench_{which} SYNC")
            client.command(
                f"CREATE TABLE bench_{which} AS {table} ENGINE = {engine} PARTITION BY {partition} ORDER BY ({order})"
            )
            client.command(f"ALTER TABLE bench_{which} DROP CONSTRAINT IF EXISTS fresh")  # the rows are old by now
            client.command(f"INSERT INTO bench_{which} SELECT * FROM {table}", settings=SMALL)
            client.command(f"OPTIMIZE TABLE bench_{which} FINAL")
        yield keys
    finally:
        for which in keys:
            client.command(f"DROP TABLE IF EXISTS bench_{which} SYNC")


def asked(client: Client, name: str, sql: str, given: list[dict[str, Any]], run: str) -> Mapping[str, dict[str, float]]:
    """Times of one question by key, asked in turn, and the rows that it read."""
    spent: dict[str, list[float]] = {"own": [], "other": []}
    for number, values in enumerate(given):
        for which, times in spent.items():
            text = FROM.sub(f"FROM bench_{which}", sql)
            began = time.perf_counter()
            client.query(text, parameters=values, settings={**UNCACHED, "query_id": f"{run}/{name}/{which}/{number}"})
            times.append((time.perf_counter() - began) * 1000)
    client.command("SYSTEM FLUSH LOGS")
    return {
        which: kept.times(times)
        | {"read_rows": client.query(READ, parameters={"q": f"{run}/{name}/{which}/"}).result_rows[0][0]}
        for which, times in spent.items()
    }


async def measure(settings: Settings, rounds: int, dice: random.Random) -> dict[str, Any]:
    """By table: both keys, the bytes of each, and the questions with their times."""
    client = connect_sync(settings.model_copy(update={"clickhouse_timeout_seconds": COPY_SECONDS}))
    first, last = client.query(SPAN).result_rows[0]
    choices, run = drawn(client), new_run("keys")
    given = [parameters(first, last, choices, DAYS[number % len(DAYS)], dice) for number in range(rounds)]
    by_table: dict[str, dict[str, str]] = {}
    for name, sql in questions().items():
        tables = set(FROM.findall(sql))
        if len(tables) == 1:
            by_table.setdefault(tables.pop(), {})[name] = sql
    found = {}
    for table, texts in by_table.items():
        with copied(client, table) as keys:
            sizes = {which: client.query(SIZE, parameters={"t": f"bench_{which}"}).result_rows[0][0] for which in keys}
            answers = {name: asked(client, name, sql, given, run) for name, sql in texts.items()}
        found[table] = {"keys": keys, "bytes": sizes, "questions": answers}
    return found


def show(result: dict[str, Any]) -> Table:
    """The table that is printed."""
    made = Table("Table", "Question", "p50 ms", "by the other key", "rows read", "by the other key")
    for table, each in result.items():
        for name, times in each["questions"].items():
            own, other_ = times["own"], times["other"]
            made.add_row(
                table,
                name,
                *(f"{times[which]['median_ms']:.0f}" for which in ("own", "other")),
                *(f"{side['read_rows']:,.0f}" for side in (own, other_)),
            )
    return made


if __name__ == "__main__":
    kept.run("keys", __doc__, measure, show)
