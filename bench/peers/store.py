"""Inserts of a contestant, with ClickHouse's official client: for engines with an event loop and for those without."""

import asyncio
from collections.abc import Sequence
from typing import Any

import clickhouse_connect
from clickhouse_connect.driver.asyncclient import AsyncClient

from bench.peers.job import INSERT_FORMAT, INSERT_SETTINGS, WINDOW_COLUMNS, WINDOWS, Block, Line
from bench.peers.place import Place


class Store:
    """Blocks the thread that calls it."""

    def __init__(self, place: Place) -> None:
        self._client = clickhouse_connect.get_client(**place.clickhouse)

    def insert(self, blocks: Sequence[Block]) -> None:
        """Insert all blocks; returns when ClickHouse has them."""
        for block in blocks:
            if isinstance(block.body, bytes):
                self._client.raw_insert(**_raw(block))
            else:
                self._client.insert(**_rows(block))

    def count(self, lines: Sequence[Line]) -> None:
        """Insert the counts of windows."""
        if lines:
            self._client.insert(WINDOWS, lines, column_names=WINDOW_COLUMNS, settings=INSERT_SETTINGS)


class AsyncStore:
    """Leaves the event loop free while ClickHouse works."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    @classmethod
    async def open(cls, place: Place) -> "AsyncStore":
        """Connect."""
        return cls(await clickhouse_connect.get_async_client(**place.clickhouse))

    async def insert(self, blocks: Sequence[Block]) -> None:
        """Insert all blocks, the tables at the same time; returns when ClickHouse has them."""
        await asyncio.gather(
            *(
                self._client.raw_insert(**_raw(block))
                if isinstance(block.body, bytes)
                else self._client.insert(**_rows(block))
                for block in blocks
            )
        )

    async def count(self, lines: Sequence[Line]) -> None:
        """Insert the counts of windows."""
        if lines:
            await self._client.insert(WINDOWS, lines, column_names=WINDOW_COLUMNS, settings=INSERT_SETTINGS)

    async def close(self) -> None:
        """Disconnect."""
        await self._client.close()


def _raw(block: Block) -> dict[str, Any]:
    """Arguments of an insert that is ready made."""
    return {
        "table": block.table,
        "column_names": block.columns,
        "insert_block": block.body,
        "fmt": INSERT_FORMAT,
        "settings": INSERT_SETTINGS,
    }


def _rows(block: Block) -> dict[str, Any]:
    """Arguments of an insert of rows."""
    return {
        "table": block.table,
        "data": block.body,
        "column_names": block.columns,
        "settings": INSERT_SETTINGS,
    }
