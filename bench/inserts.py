"""What ClickHouse spends on a row by format and by table: `python -m bench inserts` prints and writes one line of JSON.

The rows of generated traffic of both domains go to tables of the engine Null in each format, then in the product's own
format to tables without views, to those with the views of the families alone, and to the real ones with all rollups.
Figures are microseconds of the server's CPU a row, its HTTP interface and background merges included. `small` is for
batches of a tenth of the rows, as a worker makes them at 10,000 events a second: a view costs by the insert.
"""

import asyncio
import json
import secrets
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import lz4.frame
from clickhouse_connect.driver.asyncclient import AsyncClient

from agents import places
from agents.judge import Accepted, Judged
from agents.locate import Locate
from agents.render import Content, Render
from agents.rows import body
from bench.ingest import RESULTS, Usage
from bench.world import originals
from clickhouse import migrate
from clickhouse.client import connect, insert_settings, unrepeated
from clickhouse.columns import RAW
from clickhouse.rollups import ROLLUPS
from deploy.local.stack import Stack
from streams import codec
from streams.intent import Intent
from streams.settings import Settings
from streams.world import zones

ROWS = 20_000
ROUNDS = 6
FORMATS = ("JSONEachRow", "JSONCompactEachRow", "JSONColumns", "RowBinary", "Parquet", "ArrowStream", "Native")
PLAIN = {"output_format_arrow_low_cardinality_as_dictionary": 0, "output_format_json_quote_64bit_integers": 0}


def rendered(rows: int = ROWS) -> Content:
    """The rows of one batch."""
    values: dict[str, list[bytes]] = {}
    for topic, _, value in originals(rows):
        values.setdefault(topic, []).append(value)
    accepted = []
    for topic, found in values.items():
        accepted.append(
            Accepted(topic, 0, list(range(len(found))), [0] * len(found), list(codec.decode_values(found, topic=topic)))
        )
    return Render(Locate(zones.points(), places.load()))(Judged(accepted), 1.0, 0)


class Inserts:
    """Inserts the batch in some way, and says what the server spent."""

    def __init__(self, client: AsyncClient, settings: Settings, server: Usage, content: Content) -> None:
        self._client = client
        self._settings = settings
        self._server = server
        self._content = content

    def of(self, content: Content) -> "Inserts":
        """The same with another batch."""
        return Inserts(self._client, self._settings, self._server, content)

    async def prepare(self) -> None:
        """Tables without views, and tables that keep nothing."""
        for raw in RAW:
            columns = ", ".join(f"`{column.name}` {column.clickhouse_type}" for column in raw.columns)
            await self._client.command(f"CREATE TABLE null_{raw.name} ({columns}) ENGINE = Null")
            await self._client.command(f"CREATE TABLE plain_{raw.name} AS {raw.name}")

    async def as_stream(self, prefix: str) -> float:
        """As the worker does."""
        before = self._server.cpu()
        for _ in range(ROUNDS):
            await self._blocks(prefix)
        return self._spent(before)

    async def without_rollups(self, prefix: str) -> float:
        """As the worker does, while only the views of the families are there."""
        for rollup in ROLLUPS:
            await self._client.command(f"DETACH TABLE {rollup.view}")
        try:
            return await self.as_stream(prefix)
        finally:
            for rollup in ROLLUPS:
                await self._client.command(f"ATTACH TABLE {rollup.view}")

    async def in_format(self, name: str) -> float:
        """The rows of the tables without views, as ClickHouse itself writes them in this format."""
        bodies: Mapping[str, bytes] = {
            table: lz4.frame.compress(
                await self._client.raw_query(f"SELECT * FROM plain_{table} LIMIT {rows}", fmt=name, settings=PLAIN)
            )
            for table, rows in self._content.rows.items()
        }
        before = self._server.cpu()
        for _ in range(ROUNDS):
            for table, block in bodies.items():
                await self._client.raw_insert(
                    f"null_{table}",
                    insert_block=unrepeated(block),
                    fmt=name,
                    compression="lz4",
                    settings=self._own(),
                )
        return self._spent(before)

    async def _blocks(self, prefix: str) -> None:
        record = Intent(
            chain="bench",
            seq=1,
            previous="",
            nonce=secrets.token_hex(8),
            ranges={},
            ingested_at=int(time.time() * 1000),
        )
        for table, rows in self._content.tables.items():
            columns, block = body(rows, record, 0, 0)
            await self._client.raw_insert(
                prefix + table,
                column_names=columns,
                insert_block=unrepeated(block),
                fmt="ArrowStream",
                settings=self._own(),
            )

    def _own(self) -> dict[str, object]:
        return insert_settings(self._settings, secrets.token_hex(8))

    def _spent(self, before: float) -> float:
        return round((self._server.cpu() - before) / ROUNDS / sum(self._content.rows.values()) * 1e6, 1)


async def measure(settings: Settings, server: Usage) -> dict[str, float]:
    """Figures by what was measured."""
    client = await connect(settings)
    try:
        inserts = Inserts(client, settings, server, rendered())
        await inserts.prepare()
        found: dict[str, float] = {}
        for word, batch in (("", inserts), ("small_", inserts.of(rendered(ROWS // 10)))):
            found |= {
                f"without_views_{word}us": await batch.as_stream("plain_"),
                f"with_families_{word}us": await batch.without_rollups(""),
                f"with_rollups_{word}us": await batch.as_stream(""),
            }
        return found | {f"{name}_us": await inserts.in_format(name) for name in FORMATS}
    finally:
        await client.close()


def main() -> None:
    """Start ClickHouse, measure, and print."""
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Settings(millrace_home=Path(folder), log_level="warning"), Path(folder))
        with stack as settings:
            migrate.run(settings)
            figures = asyncio.run(measure(settings, Usage(stack.part("clickhouse").pid)))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "inserts.json").write_text(json.dumps(figures, indent=2) + "\n")
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
