"""Write the rows of one batch: one insert, one block, one token a table."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.exceptions import ClickHouseError

from clickhouse.client import FRESH, classify, insert_settings, native, unrepeated
from streams.errors import BlockRefused
from streams.settings import Settings

DEAD_LETTER_COLUMNS = {
    "ingested_at": "DateTime64(3, 'UTC')",
    "appended_at": "DateTime64(3, 'UTC')",
    "chain": "String",
    "shard": "UInt16",
    "topic": "LowCardinality(String)",
    "partition": "UInt16",
    "offset": "UInt64",
    "intent": "UInt64",
    "nonce": "String",
    "intent_offset": "UInt64",
    "app_version": "LowCardinality(String)",
    "reason": "LowCardinality(String)",
    "field": "String",
    "message": "String",
    "event_type": "String",
    "event_id": "String",
    "source": "String",
    "schema_version": "UInt8",
    "key": "String",
    "value": "String",
    "headers": "Array(Tuple(String, String))",
    "key_is_null": "Bool",
    "value_is_null": "Bool",
    "null_headers": "Array(UInt32)",
}
"""Columns of a dead-letter row, in order, with their types."""


class Sink:
    """Inserts of the stream. Every method raises what `clickhouse.client.classify` says."""

    def __init__(self, client: AsyncClient, settings: Settings) -> None:
        self._client = client
        self._settings = settings

    async def insert_rows(self, table: str, columns: Sequence[str], block: bytes, token: str) -> int:
        """Insert one block of Arrow; returns `written_rows` as ClickHouse counts them, its views included.

        The columns are named, so that one which the table lacks is refused as drift and never dropped.
        """
        try:
            summary = await self._client.raw_insert(
                table,
                column_names=columns,
                insert_block=unrepeated(block),
                fmt="ArrowStream",
                settings=self._insert_settings(token, table),
            )
        except Exception as error:
            raise classify(error) from error
        return int(summary.written_rows)

    def _insert_settings(self, token: str, table: str) -> dict[str, Any]:
        named = {"query_id": query_id(token, table)} if token else {}
        return insert_settings(self._settings, token) | named

    async def insert_dead_letters(self, rows: Sequence[Sequence[Any]], token: str) -> int:
        """Insert rows of DEAD_LETTER_COLUMNS in Native form: the original bytes need no escaping there."""
        body = native(list(DEAD_LETTER_COLUMNS), list(DEAD_LETTER_COLUMNS.values()), rows)
        try:
            summary = await self._client.raw_insert(
                "dead_letters",
                column_names=list(DEAD_LETTER_COLUMNS),
                insert_block=unrepeated(body),
                fmt="Native",
                settings=self._insert_settings(token, "dead_letters"),
            )
        except Exception as error:
            raise classify(error) from error
        return int(summary.written_rows)

    @asynccontextmanager
    async def scratch(self, table: str) -> AsyncIterator[str]:
        """A table with the columns and constraints of `table` but no views, dropped at the end (R7)."""
        name = f"scratch_{table}_{uuid.uuid4().hex[:12]}"
        try:
            await self._client.command(f"CREATE TABLE {name} AS {table} ENGINE = MergeTree ORDER BY tuple()")
            await self._client.command(f"ALTER TABLE {name} DROP CONSTRAINT {FRESH}")
            yield name
        except (ClickHouseError, aiohttp.ClientError, OSError) as error:
            raise classify(error) from error
        finally:
            with suppress(ClickHouseError, aiohttp.ClientError, OSError):
                await self._client.command(f"DROP TABLE IF EXISTS {name}")

    async def refuses(self, scratch: str, columns: Sequence[str], block: bytes) -> bool:
        """Whether ClickHouse refuses the content of these rows."""
        try:
            await self.insert_rows(scratch, columns, block, token="")
        except BlockRefused:
            return True
        return False


def query_id(token: str, table: str) -> str:
    """The id under which an insert of this token into this table can be found in `system.processes`."""
    return f"{token}/{table}"
