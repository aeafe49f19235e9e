"""Compute daily metrics for closed days: those not computed yet, and those whose rows have changed since.

A day has changed if a raw row that belongs to it, by its own time or by that of what it closes, was taken in after the
day was computed, or if a rollup was rebuilt for it. A batch may arrive as late as its age, so that much is looked back.

In a cluster the rows of all ClickHouse shards are read, through the twins, and `metrics_daily` is the table that every
node has whole. A replica that is asked may lag by less than is looked back, so what it lacked makes the day due again.
"""

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Final

from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.client import classify, connect
from clickhouse.daily import DAILY
from clickhouse.feeds import rows
from clickhouse.replica import Replica
from streams.events.domains import DOMAINS, Domain
from streams.settings import Settings

LONG_SECONDS = 3600.0
"""Longest wait for one statement."""
LAG_SECONDS = 60
"""A replica of a cluster that lags by more is not asked; less than any batch may come late."""

NOT_STALE = (
    f" SETTINGS max_replica_delay_for_distributed_queries = {LAG_SECONDS}, "
    "fallback_to_stale_replicas_for_distributed_queries = 0"
)
"""The end of a question that fails rather than be answered by such a replica."""

_TIMES: Final = {
    "rides": "[occurred_at, created_at, ifNull(started_at, occurred_at), ifNull(registered_at, occurred_at)]",
    "ticketing": "[occurred_at]",
}
"""The times by which an event counts for a day: its own, and those of what it closes."""

_DAYS = """
SELECT raw.day, max(computed.at) AS at,
    at = 0 OR max(raw.newest) > at - toIntervalSecond({{late:UInt32}}) OR max(rebuilt.at) > at AS is_due
FROM (
    SELECT toDate(arrayJoin({times}), '{zone}') AS day, max(ingested_at) AS newest
    FROM {raw} GROUP BY day
) AS raw
LEFT JOIN (SELECT day, max(computed_at) AS at FROM metrics_daily WHERE domain = '{domain}' GROUP BY day) AS computed
ON computed.day = raw.day
LEFT JOIN (
    SELECT arrayJoin([day - 1, day, day + 1]) AS day, max(at) AS at FROM rebuilds GROUP BY day
) AS rebuilt ON rebuilt.day = raw.day
WHERE raw.day < toDate(now(), '{zone}') AND raw.day IN (SELECT DISTINCT toDate(occurred_at, '{zone}') FROM {raw})
GROUP BY raw.day ORDER BY raw.day
"""


@dataclass(frozen=True, slots=True)
class Store:
    """Where the rows of all events are read, and `metrics_daily` is written."""

    client: AsyncClient
    """Of the database that reads all rows."""
    table: str = "metrics_daily"
    """The table itself, where the client's database has a twin of it."""
    settings: str = ""
    """What each question says about the replicas that it may ask."""


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Store]:
    """The store of a single server, or of a cluster by a node that has caught up. Raises as `connect` does."""
    client = await connect(settings.model_copy(update={"clickhouse_timeout_seconds": LONG_SECONDS}), reading=True)
    cluster, database = settings.clickhouse_cluster, settings.clickhouse_database
    try:
        if not cluster:
            yield Store(client)
            return
        await Replica(client, cluster).catch_up(f"{database}.metrics_daily", f"{database}.rebuilds")
        yield Store(client, f"{database}.metrics_daily", NOT_STALE)
    finally:
        await client.close()


async def due(store: Store, domain: Domain, late_seconds: float) -> dict[date, bool]:
    """Every closed day that has raw rows, in the domain's zone, and whether it is due. Raises as `classify` says.

    `late_seconds` is how long after its forming a batch may still arrive.
    """
    sql = _DAYS.format(times=_TIMES[domain.name], zone=domain.reporting_zone, raw=domain.raw_table, domain=domain.name)
    found = await rows(store.client, sql + store.settings, {"late": int(late_seconds)})
    return {day: bool(is_due) for day, _, is_due in found}


async def compute(store: Store, domain: Domain, day: date) -> None:
    """Compute all metrics of one day and put them into the place of what was there. Raises as `classify` says."""
    [(at,)] = await rows(store.client, "SELECT now64(3, 'UTC')")
    moment = f"toDateTime64('{at:%Y-%m-%d %H:%M:%S.%f}', 3, 'UTC')"
    selects = " UNION ALL ".join(each.select([f"'{day}'"]) for each in DAILY if each.domain is domain)
    await _run(
        store,
        f"INSERT INTO {store.table} "
        "(day, domain, metric, dimensions, numerator, denominator, value, currency, computed_at) "
        f"SELECT day, '{domain.name}', metric, dimensions, numerator, denominator, "
        "multiIf(denominator = 0, NULL, denominator = 1, numerator, "
        "toDecimal128(CAST(numerator, 'Float64') / CAST(denominator, 'Float64'), 6)), "
        f"in_currency, {moment} FROM ({selects}){store.settings}",
    )
    # What the day no longer has, such as the revenue of an organizer who was erased.
    await _run(
        store, f"DELETE FROM {store.table} WHERE domain = '{domain.name}' AND day = '{day}' AND computed_at < {moment}"
    )


async def run(
    store: Store,
    domains: Collection[str],
    wanted: Callable[[date], bool] | None,
    late_seconds: float,
    told: Callable[[str, int, int], None],
) -> int:
    """Compute what is due, or every closed day for which `wanted` is true; returns how many days of domains.

    Raises as `classify` says; days that were done stay done.
    """
    count = 0
    for domain in (DOMAINS[name] for name in domains):
        days = [
            day
            for day, is_due in (await due(store, domain, late_seconds)).items()
            if (is_due if wanted is None else wanted(day))
        ]
        for number, day in enumerate(days):
            told(f"{domain.name} {day}", number, len(days))
            await compute(store, domain, day)
        count += len(days)
    return count


async def _run(store: Store, sql: str) -> None:
    # 1: other replicas follow when they can; one that is away must not keep a day from being computed.
    own = {"async_insert": 0, "max_execution_time": 0, "lightweight_deletes_sync": 1}
    try:
        await store.client.command(sql, settings=own)
    except Exception as error:
        raise classify(error) from error
