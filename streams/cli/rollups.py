"""`millrace rebuild` and `millrace reconcile`: rollups and family tables held to the raw rows, and made again."""

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import Annotated, Any, TypeVar

import typer
from clickhouse_connect.driver.asyncclient import AsyncClient
from rich.console import Console
from rich.table import Table

from agents.gate import LOOK_SECONDS, seconds_to_wait
from clickhouse import cluster
from clickhouse.client import connect
from clickhouse.feeds import find, targets
from clickhouse.quiet import Patience
from clickhouse.rebuild import Plan, plan
from clickhouse.rebuild import rebuild as run_rebuild
from clickhouse.reconcile import Found
from clickhouse.reconcile import reconcile as run_reconcile
from streams.cli.terminal.bar import with_progress
from streams.errors import ConfigurationError
from streams.settings import Settings, load

console = Console(stderr=True)
T = TypeVar("T")

LONG_SECONDS = 3600.0
"""Longest wait for one statement: a day of raw rows may be many."""

First = Annotated[
    datetime | None,
    typer.Option("--from", formats=["%Y-%m-%d"], help="First day, in UTC; without it, the first."),
]
Last = Annotated[
    datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day, in UTC; without it, the last.")
]


def rebuild(
    names: Annotated[list[str], typer.Argument(metavar="VIEW...", help="Rollups, family tables, or their views.")],
    first: First = None,
    last: Last = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be made again; change nothing.")] = False,
) -> None:
    """Make rollups or family tables again from the raw rows, while the stream goes on.

    Most of the work is done beside the running stream. Then all shards are held for the moment of the swap: seconds
    where workers run, and up to the age of a batch where none does. Ctrl-c is safe at any time.
    """
    settings = load()
    cluster.refuse(settings.clickhouse_cluster, "rebuild")

    async def work(client: AsyncClient) -> None:
        chosen = {target.name: target for target in [await find(client, name) for name in names]}
        plans = [await plan(client, target, _days(first, last)) for target in chosen.values()]
        if dry_run:
            for each in plans:
                await _show(client, each)
            return
        await _rebuild(client, settings, plans)
        for each in plans:
            typer.echo(f"{each.target.name}: {_said(each)}")

    _run(settings, work)


def reconcile(
    first: First = None,
    last: Last = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="A table or view to look at, again for more; without it, all.")
    ] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Make again the days that differ or are open.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare every rollup and family table with the raw rows, day by day; exit code 1 if anything differs.

    Days are left open where a batch aged with an unknown outcome, so that a rollup may lack it. With --repair these
    days and those that differ are made again, and nothing else.
    """
    settings = load()
    cluster.refuse(settings.clickhouse_cluster, "reconcile")

    def wanted(day: date) -> bool:
        return (first is None or day >= first.date()) and (last is None or day <= last.date())

    async def work(client: AsyncClient) -> tuple[list[Found], bool]:
        chosen = [await find(client, each) for each in only] if only else list((await targets(client)).values())
        found = await with_progress(lambda told: run_reconcile(client, chosen, wanted, told))
        plans = [await plan(client, each.target, each.days) for each in found if each.days]
        if repair and plans:
            await _rebuild(client, settings, plans)
        return found, bool(plans) and not repair

    found, is_wrong = _run(settings, work)
    if as_json:
        typer.echo(json.dumps([_as_json(each) for each in found], indent=2, default=str))
    else:
        _print(found, repair)
    if is_wrong:
        raise typer.Exit(1)


def _days(first: datetime | None, last: datetime | None) -> list[date] | None:
    """Every day of the range; None without a range."""
    if first is None and last is None:
        return None
    if first is None or last is None:
        raise ConfigurationError("--from and --to go together; give both, or none for all days that have raw rows")
    if last < first:
        raise ConfigurationError(f"--to {last:%Y-%m-%d} lies before --from {first:%Y-%m-%d}; exchange them")
    return [first.date() + timedelta(days=n) for n in range((last - first).days + 1)]


def _said(done: Plan) -> str:
    if not done.days:
        return "no raw rows in this range, nothing to do"
    return f"{len(done.days)} days made again, {min(done.days)} to {max(done.days)}"


async def _rebuild(client: AsyncClient, settings: Settings, plans: list[Plan]) -> None:
    patience = Patience(
        closed=2 * LOOK_SECONDS,
        silent=seconds_to_wait(settings.batch_age_seconds, settings.batch_settle_seconds),
    )
    await with_progress(lambda told: run_rebuild(client, plans, patience, told))


async def _show(client: AsyncClient, made: Plan) -> None:
    target = made.target
    typer.echo(f"{target.name}: {len(made.days)} days from {' and '.join(target.sources)}")
    if made.days:
        typer.echo(f"from {min(made.days)} to {max(made.days)}; partitions to swap: {', '.join(made.partitions)}")
    [found] = await run_reconcile(client, [target], made.days.__contains__, lambda *_: None)
    typer.echo(f"days that differ from the raw rows now: {', '.join(map(str, sorted(found.days))) or 'none'}")


def _print(found: list[Found], repaired: bool) -> None:
    table = Table("Table", "Day", "What", "By the raw rows", "Found")
    for each in found:
        for difference in each.differing:
            table.add_row(each.target.name, str(difference.day), difference.what, *map(str, difference[3:]))
        for day in each.open:
            table.add_row(each.target.name, str(day), "open", "a batch aged with an unknown outcome", "")
    if table.row_count:
        Console().print(table)
    days = sum(each.compared for each in found)
    wrong = sum(len(each.days) for each in found)
    end = f"{wrong} made again" if repaired else f"{wrong} differ or are open"
    typer.echo(f"{len(found)} tables, {days} days compared; {end if wrong else 'all as the raw rows say'}")


def _as_json(found: Found) -> dict[str, Any]:
    return {
        "table": found.target.name,
        "days_compared": found.compared,
        "differing": [each._asdict() for each in found.differing],
        "open": [str(day) for day in found.open],
    }


def _run(settings: Settings, work: Callable[[AsyncClient], Awaitable[T]]) -> T:
    """Run it with a client; SIGTERM ends it as ctrl-c does, so that a hold is released."""

    async def main() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
        client = await connect(settings.model_copy(update={"clickhouse_timeout_seconds": LONG_SECONDS}))
        try:
            return await work(client)
        finally:
            await client.close()

    try:
        return asyncio.run(main())
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("stopped; the shards go on, and every partition is as it was or made again as a whole")
        raise typer.Exit(130) from None
