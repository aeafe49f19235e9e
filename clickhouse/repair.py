"""Complete the view targets of a batch whose insert had an unknown outcome and aged (R8)."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import structlog
from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.client import classify, insert_settings
from streams.intent import Intent
from streams.settings import Settings

log = structlog.get_logger(__name__)

_OPEN = """
SELECT relation, chain, intent, nonce, toString(day) FROM repairs FINAL
WHERE shard = {shard:UInt16} AND done = 0 ORDER BY intent, relation, day
"""
_VIEWS = """
SELECT views.name, views.as_select, extract(views.create_table_query, ' TO [^ ]+\\\\.`?([A-Za-z0-9_]+)`?') AS target
FROM system.tables AS views
WHERE views.database = currentDatabase() AND views.engine = 'MaterializedView'
    AND match(views.as_select, concat('FROM [^ ]+\\\\.', {relation:String}, '\\\\b'))
    AND target IN (
        SELECT table FROM system.columns
        WHERE database = currentDatabase() AND name IN ('chain', 'shard', 'topic', 'offset')
        GROUP BY table HAVING count() = 4
    )
ORDER BY views.name
"""
_COMPLETE = """
INSERT INTO {target}
WITH delivered AS (
    SELECT topic, offset FROM {relation}
    WHERE shard = {{shard:UInt16}} AND chain = {{chain:String}} AND toDate(occurred_at) = {{day:Date}}
        AND intent = {{seq:UInt64}} AND nonce = {{nonce:String}}
)
SELECT * FROM ({select}) AS source
WHERE shard = {{shard:UInt16}} AND chain = {{chain:String}} AND toDate(occurred_at) = {{day:Date}}
    AND (topic, offset) IN delivered
    AND (topic, offset) NOT IN (
        SELECT topic, offset FROM {target}
        WHERE shard = {{shard:UInt16}} AND chain = {{chain:String}} AND toDate(occurred_at) = {{day:Date}}
            AND (topic, offset) IN delivered
    )
"""
_COLUMNS = ["shard", "chain", "intent", "nonce", "relation", "day", "done"]


class _Entry(NamedTuple):
    relation: str
    chain: str
    seq: int
    nonce: str
    day: str


class Repairs:
    """The ledger of batches whose views may lack rows, and the repair itself. Raises what `classify` says.

    A view's target holds one row for each raw row that the view lets through, with its shard, chain, topic and
    offset, so what it lacks can be told and added row by row. Of rollups a rebuild makes the days again; that they are
    open is read from these entries (clickhouse/reconcile.py), which are therefore kept, done or not.
    """

    def __init__(self, client: AsyncClient, settings: Settings) -> None:
        self._client = client
        self._settings = settings

    async def enter(self, shard: int, intent: Intent, relation: str) -> None:
        """Note that the views of `relation` may lack rows of this record's ranges."""
        await self._write(
            [[shard, intent.chain, intent.seq, intent.nonce, relation, day, 0] for day in intent.days.get(relation, ())]
        )

    async def run(self, shard: int) -> int:
        """Complete every open entry of the shard; returns how many there were."""
        entries = [_Entry(*row) for row in await self._query(_OPEN, {"shard": shard})]
        for entry in entries:
            for view, select, target in await self._query(_VIEWS, {"relation": entry.relation}):
                await self._complete(shard, entry, view, select, target)
            await self._write([[shard, entry.chain, entry.seq, entry.nonce, entry.relation, entry.day, 1]])
            log.info("views completed", shard=shard, relation=entry.relation, day=entry.day, seq=entry.seq)
        return len(entries)

    async def _complete(self, shard: int, entry: _Entry, view: str, select: str, target: str) -> None:
        """Add what one target lacks of a batch and day: one block under one token, so that two owners add it once.

        Only rows of that insert can lack theirs, so a day is not held in memory, however many rows it has.
        """
        token = f"repair/{shard}/{entry.chain}/{entry.seq}/{entry.nonce}/{view}/{entry.day}"
        try:
            await self._client.command(
                _COMPLETE.format(target=target, select=select, relation=entry.relation),
                parameters={
                    "shard": shard,
                    "chain": entry.chain,
                    "day": entry.day,
                    "seq": entry.seq,
                    "nonce": entry.nonce,
                },
                settings=insert_settings(self._settings, token) | {"max_threads": 1, "max_block_size": 10_000_000},
            )
        except Exception as error:
            raise classify(error) from error

    async def _write(self, rows: list[list[Any]]) -> None:
        if rows:
            literal = ", ".join(
                f"({shard}, '{chain}', {seq}, '{nonce}', '{relation}', '{day}', {done})"
                for shard, chain, seq, nonce, relation, day, done in rows
            )
            try:
                await self._client.command(
                    f"INSERT INTO repairs ({', '.join(_COLUMNS)}) VALUES {literal}", settings={"async_insert": 0}
                )
            except Exception as error:
                raise classify(error) from error

    async def _query(self, sql: str, parameters: dict[str, Any]) -> Sequence[Sequence[Any]]:
        try:
            return (await self._client.query(sql, parameters=parameters)).result_rows
        except Exception as error:
            raise classify(error) from error
