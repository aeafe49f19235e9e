"""Read partial states of windows from rows."""

from collections.abc import Sequence
from typing import Any

from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.client import classify


class Partials:
    """Runs the statements that count panes again."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def rows(self, sql: str, parameters: dict[str, Any]) -> Sequence[Sequence[Any]]:
        """All rows. Raises what `classify` says."""
        try:
            return (await self._client.query(sql, parameters=parameters)).result_rows
        except Exception as error:
            raise classify(error) from error

    async def has_rows(self, table: str, shard: int, since: int) -> bool:
        """Whether a shard has rows in a raw table of events at or after `since`, seconds since 1970."""
        sql = (
            "SELECT 1 FROM {table:Identifier} WHERE shard = {shard:UInt16} "
            "AND occurred_at >= fromUnixTimestamp64Milli({since:Int64} * 1000) LIMIT 1"
        )
        return bool(await self.rows(sql, {"table": table, "shard": shard, "since": since}))

    async def newest(self, table: str, shard: int) -> int:
        """The largest event time of a shard in a raw table, seconds since 1970; 0 if it has no rows."""
        sql = "SELECT toUnixTimestamp(max(occurred_at)) FROM {table:Identifier} WHERE shard = {shard:UInt16}"
        return int((await self.rows(sql, {"table": table, "shard": shard}))[0][0])

    async def unkept(self, table: str, shard: int, seconds: int) -> int | None:
        """The earliest event that may have been counted by the batches of a shard's last `seconds` in a raw table.

        Seconds since 1970; the lowest watermark that rows were judged by, and of those without one their own time.
        None if it has no rows.
        """
        newest = "(SELECT max(ingested_at) FROM {table:Identifier} WHERE shard = {shard:UInt16})"
        mark = "toUnixTimestamp(watermark)"
        sql = (
            f"SELECT count(), min(if({mark} = 0, toUnixTimestamp(occurred_at), {mark})) FROM {{table:Identifier}} "
            f"WHERE shard = {{shard:UInt16}} AND ingested_at >= {newest} - toIntervalSecond({{seconds:UInt32}})"
        )
        [(count, found)] = await self.rows(sql, {"table": table, "shard": shard, "seconds": seconds})
        return int(found) if count else None
