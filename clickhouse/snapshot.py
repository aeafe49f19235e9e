"""Which raw rows are final: those of batches that the witness has seen followed by another one of their shard."""

from collections.abc import Collection, Mapping
from datetime import date

from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.compare import on_days
from clickhouse.feeds import Target, rows
from clickhouse.replica import Replica

Snapshot = Mapping[int, int]
"""Per shard the newest intent that ClickHouse knows of."""


async def take(client: AsyncClient) -> Snapshot:
    """The witness as it is now. Raises as `classify` says."""
    found = await rows(client, "SELECT shard, max(intent) FROM delivered GROUP BY shard")
    return {int(shard): int(intent) for shard, intent in found}


async def caught_up(replica: Replica, *tables: str) -> Snapshot:
    """The witness, and then (in a cluster) wait until all rows below it are here; of all tables, or of those named.

    Whatever the witness knows of was committed before it was asked, on some replica. Raises as `classify` says.
    """
    snapshot = await take(replica.client)
    await replica.catch_up(*tables)
    return snapshot


def below(snapshot: Snapshot) -> str:
    """The condition that a raw row is of a batch below the snapshot, so complete in every table and view.

    A shard has one batch in flight, and intents of a shard only grow; the newest one may be on its way.
    """
    if not snapshot:
        return "0"
    shards, intents = list(snapshot), list(snapshot.values())
    return f"intent < transform(toUInt64(shard), {shards}, {intents}, toUInt64(0))"


async def touched(client: AsyncClient, target: Target, days: Collection[date], snapshot: Snapshot) -> set[date]:
    """Those of the days (UTC) with raw rows from the snapshot on. Raises as `classify` says."""
    found: set[date] = set()
    for source in target.sources if days else ():
        where = f"{on_days(days, 'occurred_at')} AND NOT ({below(snapshot)})"
        sql = f"SELECT DISTINCT toDate(occurred_at, 'UTC') FROM {source} WHERE {where}"
        found |= {day for (day,) in await rows(client, sql)}
    return found
