"""Holds (R10): while one is in force the shards are closed, so that maintenance has the tables for itself."""

from dataclasses import dataclass
from datetime import datetime

from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.client import classify
from clickhouse.cluster import whole
from clickhouse.replica import Replica


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold that is in force."""

    name: str
    reason: str
    at: datetime
    """When it was placed, by ClickHouse's clock."""


class Holds:
    """The ledger of holds. Every method raises what `clickhouse.client.classify` says."""

    def __init__(self, client: AsyncClient, cluster: str | None = None) -> None:
        self._client = client
        self._replica = Replica(client, cluster)
        self._delivered = whole("delivered", cluster)

    async def active(self) -> list[Hold]:
        """The holds in force, oldest first. In a cluster those that any node has taken."""
        await self._replica.catch_up("holds")
        try:
            result = await self._client.query("SELECT name, reason, at FROM holds FINAL WHERE held = 1 ORDER BY at")
        except Exception as error:
            raise classify(error) from error
        return [Hold(*row) for row in result.result_rows]

    async def place(self, name: str, reason: str) -> None:
        """Ask every shard to close and stay closed. Nothing is certain before `seconds_to_wait` have passed."""
        await self._write(name, reason, 1)

    async def release(self, name: str) -> None:
        """Let the shards go on, as far as this hold is concerned."""
        await self._write(name, "", 0)

    async def closed_since(self, at: datetime) -> dict[int, bool]:
        """Per shard that ever delivered: whether it was closed by an empty intent after `at`."""
        try:
            result = await self._client.query(
                "SELECT shard, argMax(relation, intent) = 'none' AND max(at) > {at:DateTime64(3)} "
                f"FROM {self._delivered} GROUP BY shard ORDER BY shard",
                parameters={"at": at},
            )
        except Exception as error:
            raise classify(error) from error
        return {int(shard): bool(closed) for shard, closed in result.result_rows}

    async def _write(self, name: str, reason: str, held: int) -> None:
        try:
            await self._client.command(
                "INSERT INTO holds (name, reason, held) SELECT {name:String}, {reason:String}, {held:UInt8}",
                parameters={"name": name, "reason": reason, "held": held},
                settings={"async_insert": 0},
            )
        except Exception as error:
            raise classify(error) from error
