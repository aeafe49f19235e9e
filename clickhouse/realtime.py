"""Write closed windows and sessions into `metrics_realtime`, and read which sessions stand there."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.client import classify, unrepeated
from streams.settings import Settings

TABLE = "metrics_realtime"
STANDING = """
SELECT toUnixTimestamp(starts_at), key, max(revision), toUnixTimestamp(max(ends_at)) AS end
FROM metrics_realtime
WHERE window = {window:String} AND shard = {shard:UInt16} AND starts_at >= toDateTime({least:UInt32}, 'UTC')
GROUP BY starts_at, key
HAVING end >= {since:UInt32} AND NOT argMax(retracted, revision)
"""
Key = tuple[str, ...]
"""Values of the key columns."""


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
    retracted: bool = False
    """There is no such session any more: a correction moved its start, or merged it into another."""


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

    async def sessions(self, window: str, shard: int, least: int, since: int) -> list[tuple[int, Key, int, int]]:
        """Start, key, revision and end of the sessions of a shard that stand there: ended at `since` or later.

        None that begins before `least` is looked for; seconds since 1970. Raises what `classify` says.
        """
        parameters = {"window": window, "shard": shard, "least": least, "since": since}
        try:
            rows = (await self._client.query(STANDING, parameters=parameters)).result_rows
        except Exception as error:
            raise classify(error) from error
        return [(int(start), tuple(key), int(revision), int(end)) for start, key, revision, end in rows]
