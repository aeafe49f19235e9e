"""Write closed windows into `metrics_realtime`."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.client import classify, unrepeated
from streams.settings import Settings

TABLE = "metrics_realtime"


class WindowRow(msgspec.Struct, frozen=True):
    """One row of `metrics_realtime`; times are seconds since 1970."""

    domain: str
    window: str
    starts_at: int
    ends_at: int
    key: list[str]
    shard: int
    revision: int
    values: dict[str, Decimal]
    states: str
    watermark: float


class RealtimeTable:
    """Inserts rows; a row written again is the same row."""

    def __init__(self, client: AsyncClient, settings: Settings) -> None:
        self._client = client
        self._seconds = settings.clickhouse_timeout_seconds

    async def write(self, rows: Sequence[WindowRow]) -> None:
        """Insert rows in one block. Raises what `clickhouse.client.classify` says."""
        settings: dict[str, Any] = {
            "async_insert": 0,
            "max_partitions_per_insert_block": 0,
            "input_format_skip_unknown_fields": 0,
            "max_execution_time": self._seconds,
        }
        body = msgspec.json.Encoder(decimal_format="number").encode_lines(rows)
        try:
            await self._client.raw_insert(TABLE, insert_block=unrepeated(body), fmt="JSONEachRow", settings=settings)
        except Exception as error:
            raise classify(error) from error
