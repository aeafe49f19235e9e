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
