"""Compute daily metrics for closed days: those not computed yet, and those whose rows have changed since.

A day has changed if a raw row that belongs to it, by its own time or by that of what it closes, was taken in after the
day was computed, or if a rollup was rebuilt for it. A batch may arrive as late as its age, so that much is looked back.
"""

from collections.abc import Callable, Collection
from datetime import date
from typing import Final

from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.client import classify
from clickhouse.daily import DAILY
from clickhouse.feeds import rows
from streams.events.domains import DOMAINS, Domain

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


async def due(client: AsyncClient, domain: Domain, late_seconds: float) -> dict[date, bool]:
    """Every closed day that has raw rows, in the domain's zone, and whether it is due. Raises as `classify` says.

    `late_seconds` is how long after its forming a batch may still arrive.
    """
    sql = _DAYS.format(times=_TIMES[domain.name], zone=domain.reporting_zone, raw=domain.raw_table, domain=domain.name)
    return {day: bool(is_due) for day, _, is_due in await rows(client, sql, {"late": int(late_seconds)})}


async def compute(client: AsyncClient, domain: Domain, day: date) -> None:
    """Compute all metrics of one day and put them into the place of what was there. Raises as `classify` says."""
    [(at,)] = await rows(client, "SELECT now64(3, 'UTC')")
    moment = f"toDateTime64('{at:%Y-%m-%d %H:%M:%S.%f}', 3, 'UTC')"
    selects = " UNION ALL ".join(each.select([f"'{day}'"]) for each in DAILY if each.domain is domain)
    await _run(
        client,
        "INSERT INTO metrics_daily "
        "(day, domain, metric, dimensions, numerator, denominator, value, currency, computed_at) "
        f"SELECT day, '{domain.name}', metric, dimensions, numerator, denominator, "
        "multiIf(denominator = 0, NULL, denominator = 1, numerator, "
        "toDecimal128(CAST(numerator, 'Float64') / CAST(denominator, 'Float64'), 6)), "
        f"in_currency, {moment} FROM ({selects})",
    )
    # What the day no longer has, such as the revenue of an organizer who was erased.
    await _run(
        client, f"DELETE FROM metrics_daily WHERE domain = '{domain.name}' AND day = '{day}' AND computed_at < {moment}"
    )


async def run(
    client: AsyncClient,
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
            for day, is_due in (await due(client, domain, late_seconds)).items()
            if (is_due if wanted is None else wanted(day))
        ]
        for number, day in enumerate(days):
            told(f"{domain.name} {day}", number, len(days))
            await compute(client, domain, day)
        count += len(days)
    return count


async def _run(client: AsyncClient, sql: str) -> None:
    try:
        await client.command(sql, settings={"async_insert": 0, "max_execution_time": 0})
    except Exception as error:
        raise classify(error) from error
