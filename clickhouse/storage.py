"""What the tables take on disk, by table and by column, as ClickHouse itself counts it."""

from dataclasses import dataclass
from typing import Any

from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.client import classify

TABLES = """
SELECT table, sum(rows), count(), sum(bytes_on_disk), sum(data_compressed_bytes), sum(data_uncompressed_bytes)
FROM system.parts WHERE active AND database = currentDatabase()
GROUP BY table ORDER BY sum(bytes_on_disk) DESC
"""
COLUMNS = """
SELECT table, name, type, data_compressed_bytes, data_uncompressed_bytes, compression_codec
FROM system.columns WHERE database = currentDatabase() AND data_compressed_bytes > 0
ORDER BY table, data_compressed_bytes DESC
"""
_TYPES = "SELECT event_type, count() FROM {table} GROUP BY event_type"


@dataclass(frozen=True, slots=True)
class TableSize:
    """One table. Sizes in bytes; `on_disk` has marks, indexes and checksums beside the compressed columns."""

    table: str
    rows: int
    parts: int
    on_disk: int
    compressed: int
    uncompressed: int


@dataclass(frozen=True, slots=True)
class ColumnSize:
    """One column of a table. Sizes in bytes, over the wide parts: a compact one, below 10 MB, does not tell them."""

    table: str
    name: str
    type: str
    compressed: int
    uncompressed: int
    codec: str


class Storage:
    """Asks one server. Every call raises what `classify` says."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def tables(self) -> list[TableSize]:
        """All tables that hold anything, the largest first."""
        return [TableSize(*row) for row in await self._rows(TABLES)]

    async def columns(self) -> list[ColumnSize]:
        """Their columns, by table, the largest first; none of a table that has compact parts only."""
        return [ColumnSize(*row) for row in await self._rows(COLUMNS)]

    async def types(self, table: str) -> dict[str, int]:
        """Rows of a raw table by event type."""
        return {str(name): int(rows) for name, rows in await self._rows(_TYPES.format(table=table))}

    async def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        try:
            return [tuple(row) for row in (await self._client.query(sql)).result_rows]
        except Exception as error:
            raise classify(error) from error
