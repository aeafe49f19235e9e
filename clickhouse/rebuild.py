"""Make days of rollups and family tables again from the raw rows, while the stream goes on.

1. Stage: a table of the same structure, filled by the day with the batches below a snapshot of the witness, all final.
2. Check what is staged against the same raw rows.
3. Hold the shards (R10), wait until it is quiet.
4. Add the rows from the snapshot on; copy what else stands in the same partitions; check the days that this touched.
5. Swap, partition by partition: REPLACE PARTITION keeps the tokens of what was delivered, so a late retry adds nothing.
6. See that nobody wrote meanwhile; if somebody did, do it all again. Log. Release the hold.

In a cluster every ClickHouse shard makes its own, of its own raw rows, on one replica that has caught up; the others
fetch what was swapped in. What is staged lies on that replica alone. All do it under one hold, and the patience given
has to be the age: on a replicated table REPLACE PARTITION forgets the tokens, so a late retry has to be refused.
"""

import secrets
from collections.abc import Callable, Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.client import classify
from clickhouse.cluster import beside
from clickhouse.compare import differences, on_days
from clickhouse.feeds import Target, days_of, rows
from clickhouse.quiet import Patience, quiet
from clickhouse.replica import Replica
from clickhouse.snapshot import Snapshot, below, caught_up, take, touched
from streams.errors import ConfigurationError, RebuildFailed

HOLD = "rebuild"
ATTEMPTS = 3
STAGING = "rebuild_"
"""How the name of a staging table begins."""

_INSERT = {
    "insert_deduplicate": 0,  # two days may well give equal blocks
    "async_insert": 0,
    "max_partitions_per_insert_block": 0,
    "max_execution_time": 0,
}
# 1: other replicas follow when they can; one that is away must not keep the swap from being done.
_SWAP = {"allow_replace_partition_from_empty_source": 1, "alter_sync": 1}


@dataclass(frozen=True, slots=True)
class Plan:
    """The days of one table that are to be made again."""

    target: Target
    days: frozenset[date]

    @property
    def partitions(self) -> list[str]:
        """The partitions that will be swapped, as SQL literals."""
        return sorted({self.target.partition_of(day) for day in self.days})


class Share(NamedTuple):
    """What is to be made again on one ClickHouse shard."""

    replica: Replica
    plans: Sequence[Plan]


Told = Callable[[str, int, int], None]
"""Is told what is being done, and how many of how many days (or partitions) are done."""


async def plan(client: AsyncClient, target: Target, days: Collection[date] | None = None) -> Plan:
    """The days to make again: those given, or all that have raw rows.

    Raises ConfigurationError where the raw rows of a day are gone and the table still holds what was made of them.
    """
    raw = await days_of(client, target.sources)
    if days is None:
        return Plan(target, frozenset(filter(target.keeps, raw)))
    gone = sorted(await _held(client, target, set(days) - raw))
    if gone:
        more = f" and {len(gone) - 5} more" if len(gone) > 5 else ""
        raise ConfigurationError(
            f"{target.name} cannot be made again for {', '.join(map(str, gone[:5]))}{more}: no raw rows of these days "
            f"are left in {' or '.join(target.sources)} (retention). Give a range that has them with --from and --to, "
            "or restore them first"
        )
    return Plan(target, frozenset(filter(target.keeps, set(days) & raw)))


async def _held(client: AsyncClient, target: Target, days: set[date]) -> set[date]:
    """Those of the days of which the table has anything."""
    if not days:
        return set()
    day = f"toDate({target.time}, 'UTC')"
    found = await rows(client, f"SELECT DISTINCT {day} FROM {target.name} WHERE {on_days(days, target.time)}")
    return {each for (each,) in found}


def alone(client: AsyncClient, plans: Sequence[Plan]) -> list[Share]:
    """The one share of a single server."""
    return [Share(Replica(client), plans)]


async def rebuild(shares: Sequence[Share], patience: Patience, told: Told, since: datetime | None = None) -> None:
    """Make the planned days again; afterwards each table is what its raw rows give, whatever the stream did meanwhile.

    All tables are swapped under one hold. `since`: before the days were looked for, by ClickHouse's clock, where not
    every shard makes all of them: then only what was noted as open before that is closed. Raises ConfigurationError if
    another rebuild runs, RebuildFailed if a check fails (nothing was swapped then), or if somebody wrote under the hold
    in every attempt.
    """
    shares = [Share(one.replica, planned) for one in shares if (planned := [each for each in one.plans if each.days])]
    for _ in range(ATTEMPTS):
        if not shares or await _attempt(shares, patience, told, since):
            return
    raise RebuildFailed(
        f"a worker delivered rows although the shards were held, {ATTEMPTS} times; see `millrace hold list`, then run "
        "`millrace reconcile --repair`"
    )


async def moment(replicas: Sequence[Replica]) -> datetime:
    """Now, by the clock that is the furthest behind. Raises as `classify` does."""
    found: list[datetime] = [(await rows(each.client, "SELECT now64(3, 'UTC')"))[0][0] for each in replicas]
    return min(found)


async def _attempt(shares: Sequence[Share], patience: Patience, told: Told, since: datetime | None) -> bool:
    """Whether nobody wrote under the hold."""
    replicas = [share.replica for share in shares]
    began = since or await moment(replicas)
    async with AsyncExitStack() as stack:
        stagings = []
        for share in shares:
            snapshot = await caught_up(share.replica)
            for each in share.plans:
                staging = _Staging(share.replica.client, each, snapshot, told)
                stack.push_async_callback(staging.drop)
                await staging.fill()
                stagings.append(staging)

        def on_wait(text: str) -> None:
            told(text, 0, 0)

        names = ", ".join(sorted({each.target.name for share in shares for each in share.plans}))
        client, cluster = replicas[0].client, replicas[0].cluster
        async with quiet(client, HOLD, f"rebuild of {names}", patience, on_wait, cluster):
            final = [await _seen(each) for each in replicas]
            for staging in stagings:
                await staging.complete()
            for staging in stagings:
                await staging.swap()
            if [await _seen(each) for each in replicas] != final:
                return False
            await _log(client, shares, began)
    return True


async def _seen(replica: Replica) -> Snapshot:
    """The witness under a hold, once this replica has all that any has taken."""
    await replica.catch_up()
    return await take(replica.client)


async def _log(client: AsyncClient, shares: Sequence[Share], began: datetime) -> None:
    """6: the days, as of when the rows were read; for every node."""
    at = f"toDateTime64('{began:%Y-%m-%d %H:%M:%S.%f}', 3, 'UTC')"
    made = sorted({(each.target.name, day) for share in shares for each in share.plans for day in each.days})
    values = ", ".join(f"('{name}', '{day}', {at})" for name, day in made)
    await _run(client, f"INSERT INTO rebuilds (target, day, began_at) VALUES {values}", {"async_insert": 0})


async def _run(client: AsyncClient, sql: str, settings: dict[str, int] | None = None) -> None:
    try:
        await client.command(sql, settings=dict(settings or {}))
    except Exception as error:
        raise classify(error) from error


class _Staging:
    """A table that takes what is made again of one target, until it takes its place."""

    def __init__(self, client: AsyncClient, what: Plan, snapshot: Snapshot, told: Told) -> None:
        self._client = client
        self._plan = what
        self._snapshot = snapshot
        self._target = what.target
        self._told = told
        self._name = f"{STAGING}{what.target.name}_{secrets.token_hex(4)}"

    async def fill(self) -> None:
        """1 and 2: the batches below the snapshot, a day at a time."""
        await self._run(beside(self._target.create, self._name))
        days = sorted(self._plan.days)
        for number, day in enumerate(days):
            self._told(f"{self._target.name}: {day}", number, len(days))
            final = below(self._snapshot)
            await self._add(f"{on_days([day], 'occurred_at')} AND {final}")
            await self._check([day], final)

    async def complete(self) -> None:
        """4: what was delivered since, and the other days of the same partitions as they stand."""
        days = await touched(self._client, self._target, self._plan.days, self._snapshot)
        if days:
            await self._add(f"{on_days(days, 'occurred_at')} AND NOT ({below(self._snapshot)})")
        if self._target.is_monthly:
            months = ", ".join(self._plan.partitions)
            names = ", ".join(name for name, _ in self._target.columns)
            await self._run(
                f"INSERT INTO {self._name} ({names}) SELECT {names} FROM {self._target.name} "
                f"WHERE toYYYYMM({self._target.time}) IN ({months}) "
                f"AND NOT ({on_days(self._plan.days, self._target.time)})",
                _INSERT,
            )
        await self._check(days, "1")

    async def swap(self) -> None:
        """5: each partition at once; a crash between two leaves each of them whole."""
        partitions = self._plan.partitions
        for number, partition in enumerate(partitions):
            self._told(f"{self._target.name}: swap of {partition}", number, len(partitions))
            await self._run(f"ALTER TABLE {self._target.name} REPLACE PARTITION {partition} FROM {self._name}", _SWAP)

    async def drop(self) -> None:
        """Leave nothing behind."""
        await self._run(f"DROP TABLE IF EXISTS {self._name}")

    async def _add(self, condition: str) -> None:
        for feed in self._target.feeds:
            names = ", ".join(feed.columns)
            await self._run(f"INSERT INTO {self._name} ({names}) SELECT {names} FROM ({feed.over(condition)})", _INSERT)

    async def _check(self, days: Collection[date], rows_where: str) -> None:
        wrong = await differences(self._client, self._target, days, self._name, rows_where)
        if wrong:
            raise RebuildFailed(
                f"{self._target.name} was not swapped: staged for {wrong[0].day}, its {wrong[0].what} is "
                f"{wrong[0].found}, by the raw rows {wrong[0].source}"
            )

    async def _run(self, sql: str, settings: dict[str, int] | None = None) -> None:
        await _run(self._client, sql, settings)
