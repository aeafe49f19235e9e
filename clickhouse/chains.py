"""What the rows of a chain of intents tell, for the time when its log does not."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.client import classify
from clickhouse.columns import WITNESSED
from clickhouse.realtime import TABLE as WINDOWS
from streams.events.domains import DOMAINS

DEAD_LETTERS = "dead_letters"


class Row(NamedTuple):
    """One delivered row, to be held against the record that stands at its offset now."""

    offset: int
    appended_at: int
    """Timestamp of the record, milliseconds since 1970."""
    event_id: str
    """Empty for a dead letter whose id could not be read."""


class ChainRows:
    """Reads by chain and shard over the raw tables and the dead letters. Every method raises what `classify` says."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def ends(self, shard: int, chain: str, below: int) -> dict[str, int]:
        """Per topic the offset after the last row of the chain's batches whose seq is less than `below`."""
        found: dict[str, int] = {}
        for table in WITNESSED:
            rows = await self._query(
                f"SELECT topic, max(offset) + 1 FROM {table} WHERE shard = {{shard:UInt16}} "
                "AND chain = {chain:String} AND intent < {below:UInt64} GROUP BY topic",
                {"shard": shard, "chain": chain, "below": below},
            )
            for topic, end in rows:
                found[topic] = max(found.get(topic, 0), int(end))
        return found

    async def newest(self, shard: int, chain: str) -> int:
        """When the last batch of the chain that has rows was formed, milliseconds since 1970; 0 if none has."""
        found = 0
        for table in WITNESSED:
            rows = await self._query(
                f"SELECT toUnixTimestamp64Milli(max(ingested_at)) FROM {table} "
                "WHERE shard = {shard:UInt16} AND chain = {chain:String}",
                {"shard": shard, "chain": chain},
            )
            found = max(found, int(rows[0][0]))
        return found

    async def watermark(self, shard: int) -> int:
        """The highest watermark that the shard is known to have had, milliseconds since 1970; 0 if it had none.

        Of every chain, by the rows that were judged by it and the windows that were kept because it had passed them.
        """
        found = 0
        for table in (*(domain.raw_table for domain in DOMAINS.values()), WINDOWS):
            rows = await self._query(
                f"SELECT toUnixTimestamp64Milli(max(watermark)) FROM {table} WHERE shard = {{shard:UInt16}}",
                {"shard": shard},
            )
            found = max(found, int(rows[0][0]))
        return found

    async def starts(self, shard: int, chain: str) -> dict[str, int]:
        """Per topic where the chain began, if a repair began it."""
        rows = await self._query(
            "SELECT starts FROM chain_repairs WHERE shard = {shard:UInt16} AND chain = {chain:String} LIMIT 1",
            {"shard": shard, "chain": chain},
        )
        return {topic: int(offset) for topic, offset in rows[0][0].items()} if rows else {}

    async def present(self, table: str, shard: int, chain: str, topic: str, start: int, end: int) -> set[int]:
        """Offsets of a range that have a row in `table` or are dead letters."""
        found: set[int] = set()
        for each in (table, DEAD_LETTERS):
            rows = await self._query(
                f"SELECT groupUniqArray(offset) FROM {each} WHERE shard = {{shard:UInt16}} "
                "AND chain = {chain:String} AND topic = {topic:String} "
                "AND offset >= {start:UInt64} AND offset < {end:UInt64}",
                {"shard": shard, "chain": chain, "topic": topic, "start": start, "end": end},
            )
            found |= set(rows[0][0])
        return found

    async def nearest(self, table: str, shard: int, chain: str, topic: str, start: int, below: int) -> Row | None:
        """The last row of the topic in a range of offsets; None if there is none."""
        best: Row | None = None
        for each in (table, DEAD_LETTERS):
            rows = await self._query(
                f"SELECT offset, toUnixTimestamp64Milli(appended_at), event_id FROM {each} "
                "WHERE shard = {shard:UInt16} AND chain = {chain:String} AND topic = {topic:String} "
                "AND offset >= {start:UInt64} AND offset < {below:UInt64} ORDER BY offset DESC LIMIT 1",
                {"shard": shard, "chain": chain, "topic": topic, "start": start, "below": below},
            )
            if rows and (best is None or rows[0][0] > best.offset):
                best = Row(int(rows[0][0]), int(rows[0][1]), rows[0][2])
        return best

    async def first(self, shard: int, chain: str) -> dict[str, Row]:
        """Per topic the chain's row of the lowest offset."""
        found: dict[str, Row] = {}
        for table in WITNESSED:
            rows = await self._query(
                "SELECT topic, min(offset), toUnixTimestamp64Milli(argMin(appended_at, offset)), "
                f"argMin(event_id, offset) FROM {table} WHERE shard = {{shard:UInt16}} "
                "AND chain = {chain:String} GROUP BY topic",
                {"shard": shard, "chain": chain},
            )
            for topic, offset, appended_at, event_id in rows:
                if topic not in found or offset < found[topic].offset:
                    found[topic] = Row(int(offset), int(appended_at), event_id)
        return found

    async def note(self, **facts: Any) -> None:
        """Enter a repair into the audit; the names are the columns of `chain_repairs`."""
        try:
            await self._client.insert(
                "chain_repairs", [list(facts.values())], column_names=list(facts), settings={"async_insert": 0}
            )
        except Exception as error:
            raise classify(error) from error

    async def _query(self, sql: str, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        try:
            return (await self._client.query(sql, parameters=dict(parameters))).result_rows
        except Exception as error:
            raise classify(error) from error
