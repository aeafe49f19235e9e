"""Hold every rollup and family table to the raw rows, day by day, and tell which of them have to be made again."""

import asyncio
from collections.abc import Callable, Collection
from datetime import date
from typing import NamedTuple

from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.compare import Difference, differences, on_days
from clickhouse.feeds import Target, days_of, rows
from clickhouse.rebuild import Told
from clickhouse.replica import Replica
from clickhouse.snapshot import Snapshot, below, caught_up, touched

LOOKS = 5
PAUSE_SECONDS = 0.2
_OCCURRED = "occurred_at"
_OPEN = """
SELECT DISTINCT repairs.day FROM repairs FINAL
LEFT JOIN (SELECT day, max(began_at) AS began_at FROM rebuilds WHERE target = {target:String} GROUP BY day) AS rebuilt
ON rebuilt.day = repairs.day
WHERE repairs.relation IN {sources:Array(String)} AND repairs.at > rebuilt.began_at
ORDER BY repairs.day
"""


class Found(NamedTuple):
    """What a reconciliation has found of one table."""

    target: Target
    compared: int
    """Days that were compared."""
    differing: list[Difference]
    open: list[date]
    """Days of a rollup of which a batch may be missing (R8), whether or not they differ."""

    @property
    def days(self) -> set[date]:
        """The days to make again."""
        return {each.day for each in self.differing} | set(self.open)


async def reconcile(
    client: AsyncClient,
    targets: Collection[Target],
    wanted: Callable[[date], bool],
    told: Told,
    cluster: str | None = None,
) -> list[Found]:
    """Compare the days for which `wanted` is true and of which raw rows are left. Raises as `classify` says.

    In a cluster it is one ClickHouse shard that is looked at: a table there is made of the raw rows there.
    """
    replica = Replica(client, cluster)
    found = []
    for number, target in enumerate(targets):
        days = sorted(day for day in await days_of(client, target.sources) if wanted(day) and target.keeps(day))
        told(target.name, number, len(targets))
        differing: list[Difference] = []
        for month in sorted({day.replace(day=1) for day in days}):
            differing += await _lasting(replica, target, [day for day in days if day.replace(day=1) == month])
        opened = [day for day in await _open(client, target) if day in days]
        found.append(Found(target, len(days), differing, opened))
    return found


async def _lasting(replica: Replica, target: Target, days: Collection[date]) -> list[Difference]:
    """The differences that are not those of batches on their way: between raw rows and views lies a moment.

    A day that gets rows just now is looked at again: it is right if it equals the raw rows once, wrong if it ever
    holds fewer events than are final or more than have come, and else taken for right until the next reconciliation.
    """
    client = replica.client
    snapshot = await _caught_up(replica, target)
    differing = {each.day: each for each in await differences(client, target, days)}
    moving = await touched(client, target, differing, snapshot)
    for look in range(LOOKS):
        if not moving:
            break
        await asyncio.sleep(PAUSE_SECONDS if look else 0)
        impossible = await _impossible(replica, target, moving)
        equal = moving - {each.day for each in await differences(client, target, moving)}
        for day in equal - impossible:
            del differing[day]
        moving -= equal | impossible
    return [each for day, each in differing.items() if day not in moving]


async def _impossible(replica: Replica, target: Target, days: Collection[date]) -> set[date]:
    """Days of which the table holds fewer events than are final, or more than have come."""
    final = below(await _caught_up(replica, target))
    day, count = f"toDate({target.time}, 'UTC') AS day", "sum(events)" if target.is_rollup else "count()"
    sides = [
        f"{target.name} WHERE {on_days(days, target.time)}",
        f"({target.rows_of(f'{on_days(days, _OCCURRED)} AND {final}')})",
        f"({target.rows_of(on_days(days, _OCCURRED))})",
    ]
    # One query, so all is as of one moment: no view can be ahead of its raw rows.
    selects = [f"SELECT {n} AS side, {day}, {count} FROM {side} GROUP BY day" for n, side in enumerate(sides)]
    counts: list[dict[date, int]] = [{}, {}, {}]
    for side, each, events in await rows(replica.client, " UNION ALL ".join(selects)):
        counts[side][each] = int(events)
    held, least, most = counts
    return {each for each in days if not least.get(each, 0) <= held.get(each, 0) <= most.get(each, 0)}


async def _caught_up(replica: Replica, target: Target) -> Snapshot:
    return await caught_up(replica, target.name, *target.sources)


async def _open(client: AsyncClient, target: Target) -> list[date]:
    """Days of a rollup of which a batch aged with an unknown outcome after they were last made from raw rows."""
    if not target.is_rollup:
        return []  # the worker completes these row by row
    found = await rows(client, _OPEN, {"target": target.name, "sources": list(target.sources)})
    return [day for (day,) in found]
