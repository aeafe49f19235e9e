"""What ClickHouse testifies: its clock, the highest batch of a shard, the offsets that a table holds."""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.client import classify
from clickhouse.cluster import everywhere
from clickhouse.replica import Replica
from streams.errors import SinkUnavailable
from streams.intent import Intent


class Delivered(NamedTuple):
    """The newest batch of a shard that has rows (or its own line) in ClickHouse."""

    chain: str
    seq: int
    nonce: str
    offset: int
    """Where its intent stands in the log."""


class Witness:
    """Reads that the delivery protocol rests on. Every method raises what `classify` says."""

    def __init__(self, client: AsyncClient, cluster: str | None = None) -> None:
        """In a cluster the replica catches up before it is asked what it holds."""
        self._client = client
        self._cluster = cluster
        self.replica = Replica(client, cluster)

    async def now(self) -> int:
        """ClickHouse's clock, in milliseconds since 1970."""
        rows = await self._query("SELECT toUnixTimestamp64Milli(now64(3))")
        return int(rows[0][0])

    async def highest(self, shard: int) -> Delivered | None:
        """The newest batch of the shard over all tables; None if nothing was ever delivered."""
        await self.replica.catch_up("delivered")
        rows = await self._query(
            "SELECT chain, intent, nonce, intent_offset FROM delivered WHERE shard = {shard:UInt16} "
            "ORDER BY intent DESC LIMIT 1",
            {"shard": shard},
        )
        return Delivered(rows[0][0], int(rows[0][1]), rows[0][2], int(rows[0][3])) if rows else None

    async def write_line(self, shard: int, intent: Intent, offset: int) -> None:
        """Testify to a batch without rows."""
        try:
            await self._client.command(
                "INSERT INTO delivered (shard, chain, intent, nonce, intent_offset, relation, at) SELECT "
                "{shard:UInt16}, {chain:String}, {seq:UInt64}, {nonce:String}, {offset:UInt64}, 'none', now64(3)",
                parameters={
                    "shard": shard,
                    "chain": intent.chain,
                    "seq": intent.seq,
                    "nonce": intent.nonce,
                    "offset": offset,
                },
                settings={"async_insert": 0},
            )
        except Exception as error:
            raise classify(error) from error

    async def count(self, table: str, shard: int, intent: Intent) -> int:
        """Rows of exactly this record in `table`."""
        await self.replica.catch_up(table)
        rows = await self._query(
            "SELECT count() FROM {table:Identifier} WHERE shard = {shard:UInt16} AND intent = {seq:UInt64} "
            "AND nonce = {nonce:String} AND ingested_at = fromUnixTimestamp64Milli({at:Int64}) AND " + _pruned(table),
            self._of(table, shard, intent, intent.days.get(table, []))
            | {"seq": intent.seq, "nonce": intent.nonce, "at": intent.ingested_at},
        )
        return int(rows[0][0])

    async def present(self, table: str, shard: int, intent: Intent, days: Sequence[str]) -> dict[str, set[int]]:
        """Per topic the distinct offsets of the record's ranges that `table` holds, from whatever record."""
        await self.replica.catch_up(table)
        found: dict[str, set[int]] = {}
        for topic, (start, end) in intent.ranges.items():
            if start < end:
                rows = await self._query(
                    "SELECT groupUniqArray(offset) FROM {table:Identifier} WHERE shard = {shard:UInt16} "
                    "AND chain = {chain:String} AND topic = {topic:String} "
                    "AND offset >= {start:UInt64} AND offset < {end:UInt64} AND " + _pruned(table),
                    self._of(table, shard, intent, days) | {"topic": topic, "start": start, "end": end},
                )
                found[topic] = set(rows[0][0])
        return found

    @staticmethod
    def _of(table: str, shard: int, intent: Intent, days: Sequence[str]) -> dict[str, Any]:
        return {"table": table, "shard": shard, "chain": intent.chain, "days": list(days)}

    async def running(self, prefix: str) -> int:
        """How many queries whose id starts with `prefix` run now, on any node."""
        rows = await self._query(
            f"SELECT count() FROM {everywhere('system.processes', self._cluster)} "
            "WHERE startsWith(query_id, {prefix:String})",
            {"prefix": prefix},
        )
        return int(rows[0][0])

    async def topics_since(self, table: str, shard: int, since: int) -> set[str]:
        """Topics of which a raw table took rows of the shard at or after `since`, milliseconds since 1970."""
        rows = await self._query(
            "SELECT DISTINCT topic FROM {table:Identifier} WHERE shard = {shard:UInt16} "
            "AND ingested_at >= fromUnixTimestamp64Milli({since:Int64})",
            {"table": table, "shard": shard, "since": since},
        )
        return {str(topic) for (topic,) in rows}

    async def accepted(
        self, table: str, shard: int, topic: str, below: int, since: int, limit: int
    ) -> list[tuple[int, list[int], list[str], list[str]]]:
        """The newest accepted events of one topic below an offset: per batch (ingested_at, offsets, sources, ids).

        Oldest batch first; `since` and `ingested_at` are milliseconds since 1970. Of every chain: after a repair the
        events of the chain before it are still to be known again.
        """
        rows = await self._query(
            "SELECT toUnixTimestamp64Milli(ingested_at) AS at, groupArray(offset) AS offsets, "
            "groupArray(source), groupArray(event_id) FROM (SELECT ingested_at, offset, source, event_id "
            "FROM {table:Identifier} WHERE shard = {shard:UInt16} AND topic = {topic:String} "
            "AND offset < {below:UInt64} "
            "AND ingested_at >= fromUnixTimestamp64Milli({since:Int64}) "
            "ORDER BY ingested_at DESC, offset DESC LIMIT {limit:UInt64}) GROUP BY at ORDER BY at",
            {"table": table, "shard": shard, "topic": topic, "below": below, "since": since, "limit": limit},
        )
        batches = []
        for at, offsets, sources, ids in rows:
            order = sorted(range(len(offsets)), key=offsets.__getitem__)
            batches.append((int(at), [offsets[i] for i in order], [sources[i] for i in order], [ids[i] for i in order]))
        return batches

    async def _query(self, sql: str, parameters: dict[str, Any] | None = None) -> Sequence[Sequence[Any]]:
        try:
            return (await self._client.query(sql, parameters=parameters)).result_rows
        except Exception as error:
            raise classify(error) from error


def _pruned(table: str) -> str:
    """The condition that spares the partitions of other days; dead letters are few and lie by ingestion."""
    return "1" if table == "dead_letters" else "toDate(occurred_at, 'UTC') IN {days:Array(Date)}"


class Clock:
    """ClickHouse's clock, kept by the machine's monotonic one and sampled anew each minute."""

    def __init__(self, witness: Witness, every: float = 60.0) -> None:
        self._witness = witness
        self._every = every
        self._sampled = float("-inf")
        self._ahead = 0.0

    async def now(self) -> int:
        """Milliseconds since 1970. While ClickHouse is away the last sample is used; without one, SinkUnavailable."""
        if time.monotonic() - self._sampled > self._every:
            try:
                theirs = await self._witness.now()
            except SinkUnavailable:
                if self._sampled == float("-inf"):
                    raise
            else:
                # The answer was true some moment before it arrived, so this clock is never ahead of theirs.
                self._sampled = time.monotonic()
                self._ahead = theirs / 1000 - self._sampled
        return int((time.monotonic() + self._ahead) * 1000)
