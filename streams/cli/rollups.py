"""`millrace rebuild` and `millrace reconcile`: rollups and family tables held to the raw rows, and made again."""

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import Annotated, Any, NamedTuple, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from agents.gate import LOOK_SECONDS, seconds_to_wait
from clickhouse.feeds import Target, find, targets
from clickhouse.quiet import Patience
from clickhouse.rebuild import Plan, Share, moment, plan
from clickhouse.rebuild import rebuild as run_rebuild
from clickhouse.reconcile import Found
from clickhouse.reconcile import reconcile as run_reconcile
from clickhouse.replica import Replica
from clickhouse.shards import every
from streams.cli.terminal.bar import with_progress
from streams.errors import ConfigurationError
from streams.settings import Settings, load

console = Console(stderr=True)
T = TypeVar("T")

LONG_SECONDS = 3600.0
"""Longest wait for one statement: a day of raw rows may be many."""


class Looked(NamedTuple):
    """What was found on one ClickHouse shard."""

    shard: int
    """From 1, in the order of the addresses."""
    found: Found


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
    where workers run, and up to the age of a batch where none does, or in a cluster, of which every ClickHouse shard
    makes its own part again. Ctrl-c is safe at any time.
    """
    settings = load()

    async def work(replicas: list[Replica]) -> None:
        shares = [Share(one, await _planned(one, names, _days(first, last))) for one in replicas]
        if dry_run:
            for number, share in enumerate(shares, 1):
                for each in share.plans:
                    await _show(share.replica, each, _on(number, shares))
            return
        await _rebuild(settings, shares)
        for number, share in enumerate(shares, 1):
            for each in share.plans:
                typer.echo(f"{each.target.name}{_on(number, shares)}: {_said(each)}")

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

    def wanted(day: date) -> bool:
        return (first is None or day >= first.date()) and (last is None or day <= last.date())

    async def work(replicas: list[Replica]) -> tuple[list[Looked], bool]:
        since = await moment(replicas)
        looked: list[Looked] = []
        for number, one in enumerate(replicas, 1):
            chosen = (
                [await find(one.client, each) for each in only] if only else list((await targets(one.client)).values())
            )
            found = await _reconciled(one, chosen, wanted)
            looked += [Looked(number, each) for each in found]
        shares = [Share(one, await _wrong(one, number, looked)) for number, one in enumerate(replicas, 1)]
        is_wrong = any(share.plans for share in shares)
        if repair and is_wrong:
            await _rebuild(settings, shares, since)
        return looked, is_wrong and not repair

    looked, is_wrong = _run(settings, work)
    if as_json:
        typer.echo(json.dumps([_as_json(each, settings) for each in looked], indent=2, default=str))
    else:
        _print(looked, repair)
    if is_wrong:
        raise typer.Exit(1)


async def _planned(one: Replica, names: list[str], days: list[date] | None) -> list[Plan]:
    """What is to be made again on one ClickHouse shard of the tables or views of these names."""
    chosen = {target.name: target for target in [await find(one.client, name) for name in names]}
    return [await plan(one.client, target, days) for target in chosen.values()]


async def _reconciled(one: Replica, chosen: list[Target], wanted: Callable[[date], bool]) -> list[Found]:
    return await with_progress(lambda told: run_reconcile(one.client, chosen, wanted, told, one.cluster))


async def _wrong(one: Replica, number: int, looked: list[Looked]) -> list[Plan]:
    """What of one ClickHouse shard differs or is open."""
    found = [each.found for each in looked if each.shard == number and each.found.days]
    return [await plan(one.client, each.target, each.days) for each in found]


def _on(number: int, shares: list[Share]) -> str:
    """Where, if there is more than one place."""
    return f" on ClickHouse shard {number}" if len(shares) > 1 else ""


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


async def _rebuild(settings: Settings, shares: list[Share], since: datetime | None = None) -> None:
    await with_progress(lambda told: run_rebuild(shares, patience(settings), told, since))


def patience(settings: Settings) -> Patience:
    """How long the hold lasts. In a cluster the age is always waited for: a swap there forgets what was delivered."""
    silent = seconds_to_wait(settings.batch_age_seconds, settings.batch_settle_seconds)
    return Patience(closed=silent if settings.clickhouse_cluster else 2 * LOOK_SECONDS, silent=silent)


async def _show(one: Replica, made: Plan, where: str) -> None:
    target = made.target
    typer.echo(f"{target.name}{where}: {len(made.days)} days from {' and '.join(target.sources)}")
    if made.days:
        typer.echo(f"from {min(made.days)} to {max(made.days)}; partitions to swap: {', '.join(made.partitions)}")
    [found] = await run_reconcile(one.client, [target], made.days.__contains__, lambda *_: None, one.cluster)
    typer.echo(f"days that differ from the raw rows now: {', '.join(map(str, sorted(found.days))) or 'none'}")


def _print(looked: list[Looked], repaired: bool) -> None:
    is_one = max((each.shard for each in looked), default=1) == 1
    table = Table("Table", *([] if is_one else ["On shard"]), "Day", "What", "By the raw rows", "Found")
    for shard, each in looked:
        name = [each.target.name] if is_one else [each.target.name, str(shard)]
        for difference in each.differing:
            table.add_row(*name, str(difference.day), difference.what, *map(str, difference[3:]))
        for day in each.open:
            table.add_row(*name, str(day), "open", "a batch aged with an unknown outcome", "")
    if table.row_count:
        Console().print(table)
    days = sum(each.found.compared for each in looked)
    wrong = sum(len(each.found.days) for each in looked)
    end = f"{wrong} made again" if repaired else f"{wrong} differ or are open"
    tables = len({each.found.target.name for each in looked})
    typer.echo(f"{tables} tables, {days} days compared; {end if wrong else 'all as the raw rows say'}")


def _as_json(looked: Looked, settings: Settings) -> dict[str, Any]:
    found = looked.found
    return {
        "table": found.target.name,
        **({"clickhouse_shard": looked.shard} if settings.clickhouse_cluster else {}),
        "days_compared": found.compared,
        "differing": [each._asdict() for each in found.differing],
        "open": [str(day) for day in found.open],
    }


def _run(settings: Settings, work: Callable[[list[Replica]], Awaitable[T]]) -> T:
    """Run it with a replica of each ClickHouse shard; SIGTERM ends it as ctrl-c does, so that a hold is released."""

    async def main() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
        async with every(settings.model_copy(update={"clickhouse_timeout_seconds": LONG_SECONDS})) as replicas:
            return await work(replicas)

    try:
        return asyncio.run(main())
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("stopped; the shards go on, and every partition is as it was or made again as a whole")
        raise typer.Exit(130) from None
