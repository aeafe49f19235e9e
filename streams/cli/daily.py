"""`millrace metrics-daily`: the daily metrics of closed days, and of days whose rows have changed since."""

import asyncio
from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated

import typer

from clickhouse.daily_job import opened, run
from streams.cli.terminal.bar import with_progress
from streams.errors import ConfigurationError
from streams.events.domains import DOMAINS
from streams.settings import Settings, load

CLOCK_SECONDS = 60.0
"""How far the clock that formed a batch may be from ours."""


def metrics_daily(
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day, in the domain's reporting zone.")
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day, in the domain's reporting zone.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--domain", help="A domain, again for more; without it, all.")
    ] = None,
) -> None:
    """Compute the table metrics_daily for days that have closed in the domain's reporting zone.

    Without a range: the days that were not computed yet, and those whose rows have changed since, such as by late
    events or a rebuild. With one: every closed day in it. A day replaces itself, so any run may be repeated; run it
    once an hour. In a cluster once for all its nodes: it reads them all, and every node has the table whole.
    """
    settings = load()
    domains = list(only or DOMAINS)
    if unknown := set(domains) - DOMAINS.keys():
        raise ConfigurationError(f"--domain {min(unknown)} is no domain; choose of {', '.join(DOMAINS)}")
    if first is not None and last is not None and last < first:
        raise ConfigurationError(f"--to {last:%Y-%m-%d} lies before --from {first:%Y-%m-%d}; exchange them")

    def wanted(day: date) -> bool:
        return (first is None or day >= first.date()) and (last is None or day <= last.date())

    count = asyncio.run(_compute(settings, domains, None if first is None and last is None else wanted))
    typer.echo(f"{count} days computed" if count else "nothing was due")


async def _compute(settings: Settings, domains: list[str], wanted: Callable[[date], bool] | None) -> int:
    late = settings.batch_age_seconds + settings.batch_settle_seconds + CLOCK_SECONDS
    async with opened(settings) as store:
        return await with_progress(lambda told: run(store, domains, wanted, late, told))
