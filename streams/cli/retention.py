"""`millrace retention`: the policy, whether the tables follow it, what is due, and doing it."""

from datetime import date, timedelta
from typing import Annotated, Any

import typer

from clickhouse import legal, policy
from clickhouse.archive import expiry
from clickhouse.archive.passing import Work
from clickhouse.cluster import is_sharded
from clickhouse.retention import due, job, rules, ttl
from clickhouse.retention.ledger import Ledger
from clickhouse.retention.partitions import Partition, partitions
from clickhouse.retention.rules import MARGIN_DAYS, Class
from clickhouse.retention.ttl import is_dropped_by_job, is_kept
from streams.cli import terminal
from streams.cli.terminal import jobs
from streams.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Show and apply how long data is kept, and where.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
LATE_DAYS = 2
"""A step that is overdue for longer counts as drift: the job does not run, or ClickHouse does not move."""


@app.callback()
def retention() -> None:
    """Show and apply how long data is kept, and where."""


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show every table with its class, its stages, and what lies where. Changes nothing."""
    with jobs.looking_everywhere() as everywhere:
        work, _ = everywhere[0]
        known, found = rules.load(work.settings), _partitions([one for one, _ in everywhere])
        live = list(ttl.tables(policy.create_queries(work.client, work.database)))
        wrong = {change.table for one, _ in everywhere for change in job.drift(one)}
        holds = legal.active(work.client, work.database)
        lines = [
            _line(table, known.of(table.name, table.engine), work.settings, found)
            | {
                "follows": table.name not in wrong,
                "legal_holds": [hold.name for hold in holds if hold.touches(table.name)],
            }
            for table in live
        ]
    if as_json:
        terminal.json({"policy": known.source, "tables": lines})
        return
    terminal.table(
        ["table", "class", "hot", "cold", "archive", "then", "rows", "size", "of it cold", "follows", "legal holds"],
        (
            [*list(line.values())[:7], *map(jobs.size, (line["bytes"], line["cold_bytes"])), *_end(line)]
            for line in lines
        ),
    )


@app.command()
def check(as_json: AsJson = False) -> None:
    """Hold the live tables against the policy; exit code 1 if one does not follow, or a step is overdue."""
    drift: dict[tuple[str, str], dict[str, str]] = {}
    overdue: list[dict[str, object]] = []
    with jobs.looking_everywhere() as everywhere:
        for work, ledger in everywhere:
            job.check_storage(work)
            drift |= {(each.table, each.what): {"table": each.table, "what": each.what} for each in job.drift(work)}
            overdue += [jobs.due_line(each) | jobs.of_shard(ledger) for each in _overdue(work, ledger)]
        work, _ = everywhere[0]
        files = expiry.planned(work, [], work.today() - timedelta(days=LATE_DAYS))
        overdue += [jobs.due_line(each) for each in files if not each.holds]
    if as_json:
        terminal.json({"follows": not drift and not overdue, "drift": [*drift.values()], "overdue": overdue})
    else:
        for line in drift.values():
            typer.echo(f"{line['table']}: {line['what']}; `millrace retention apply` changes it")
        for each in overdue:
            typer.echo(f"{each['files'] or each['table']} {each['partition']}: {each['step']} was due on {each['on']}")
        if not drift and not overdue:
            typer.echo("every table follows the policy, and nothing is overdue")
    if drift or overdue:
        raise typer.Exit(1)


@app.command()
def plan(
    until: Annotated[str | None, typer.Option(help="What is due up to this day, YYYY-MM-DD; today without it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what moves, becomes coarser, is archived or goes, and when, with rows and bytes. Changes nothing.

    Files of the archive too: those that are there, and those that days still in ClickHouse will be written to.
    """
    lines: list[dict[str, object]] = []
    with jobs.looking_everywhere() as everywhere:
        day = jobs.day(until, "--until") or everywhere[0][0].today()
        for number, (work, ledger) in enumerate(everywhere):
            lines += [
                jobs.due_line(each) | jobs.of_shard(ledger) for each in _planned(work, day, with_files=number == 0)
            ]
    lines.sort(key=lambda line: str(line["on"]))
    if as_json:
        terminal.json(lines)
    elif lines:
        terminal.table(jobs.DUE_COLUMNS, map(jobs.due_row, lines))
    else:
        typer.echo(f"nothing is due up to {day}")


@app.command()
def apply(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be changed, and change nothing.")] = False,
) -> None:
    """Change TTL and storage policy of every table that does not follow, and let the rows that are there follow too."""
    if dry_run:
        with jobs.looking_everywhere() as everywhere:
            for work, _ in everywhere:
                job.check_storage(work)
            changes = list(dict.fromkeys(change for work, _ in everywhere for change in job.drift(work)))
    else:
        with jobs.working_everywhere() as everywhere:
            changes = job.apply([work for work, _ in everywhere], everywhere[0][1])
    for change in changes:
        typer.echo(f"{change.table}: {change.what}{'' if dry_run else '; changed'}")
    if not changes:
        typer.echo("every table follows the policy")


@app.command()
def run(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Do what ClickHouse does not do by itself: make columns coarser, and drop beside a legal hold. Run it once a day.

    It writes into the log, too, which partitions ClickHouse has moved to the cold tier or dropped since the last run.
    Archiving is a command of its own: `millrace archive run`.
    """
    lines: list[dict[str, object]] = []
    if dry_run:
        with jobs.looking_everywhere() as everywhere:
            for work, ledger in everywhere:
                lines += [jobs.due_line(each) | jobs.of_shard(ledger) for each in job.work_due(work)]
    else:
        with jobs.working_everywhere() as everywhere:
            for work, ledger in everywhere:
                for each, why in job.run(work, ledger):
                    lines.append(jobs.due_line(each) | {"why_not": why or None} | jobs.of_shard(ledger))
    if as_json:
        terminal.json(lines)
    elif lines:
        terminal.table(jobs.DUE_COLUMNS, map(jobs.due_row, lines))
    else:
        typer.echo("nothing is due")


@app.command("log")
def log_(
    limit: Annotated[int, typer.Option(min=1, help="Lines, the newest.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show what was done, by whom and when, the newest first.

    What a TTL has moved or dropped is there from the next `millrace retention run` on, as of when it was seen.
    """
    with jobs.looking_everywhere() as everywhere:
        lines = everywhere[0][1].newest(limit)
    if as_json:
        terminal.json([{name: getattr(line, name) for name in line.__slots__} for line in lines])
        return
    columns = ["at", "action", "table", "partition", "rows", "by", "detail"]
    terminal.table(
        columns, ([a.at, a.action, a.table, a.partition, a.rows, a.actor, a.detail or a.hash] for a in lines)
    )


def _overdue(work: Work, ledger: Ledger) -> list[due.Due]:
    """The steps on one ClickHouse shard that were due for days, and nothing kept from being done."""
    known, today = rules.load(work.settings), work.today()
    holds, kept = legal.active(work.client, work.database), ledger.restored()
    found = partitions(work.client, work.settings)
    undone = set(map(_key, job.work_due(work)))
    return [
        each
        for each in due.due(found, known, work.settings, holds, today - timedelta(days=LATE_DAYS))
        if not each.holds
        and (each.step is not due.Step.COARSEN or _key(each) in undone)
        and kept.get((each.partition.table.name, each.partition.name), "") <= today.isoformat()
    ]


def _planned(work: Work, day: date, with_files: bool) -> list[due.Due]:
    """What is due up to this day on one ClickHouse shard, and, if asked for, of the files of the archive."""
    holds = legal.active(work.client, work.database)
    found = due.due(partitions(work.client, work.settings), rules.load(work.settings), work.settings, holds, day)
    if with_files:
        found = sorted([*found, *expiry.planned(work, found, day)], key=lambda each: each.on)
    undone = set(map(_key, job.work_due(work))) if day <= work.today() else None
    return [each for each in found if each.step is not due.Step.COARSEN or undone is None or _key(each) in undone]


def _partitions(works: list[Work]) -> list[Partition]:
    """Those of all ClickHouse shards; of a table that each node has whole those of the first one."""
    found = []
    for number, work in enumerate(works):
        creates = policy.create_queries(work.client, work.database)
        own = partitions(work.client, work.settings)
        found += [each for each in own if number == 0 or is_sharded(creates[each.table.name])]
    return found


def _line(table: ttl.Live, kind: Class, settings: Settings, found: list[Partition]) -> dict[str, Any]:
    own = [partition for partition in found if partition.table.name == table.name]
    tiered = kind.has_cold and settings.clickhouse_storage_policy is not None
    return {
        "table": table.name,
        "class": kind.name,
        "hot_days": kind.hot if tiered or not kind.has_cold else kind.end,
        "cold_days": kind.cold if tiered else None,
        "archive_days": kind.archive if is_dropped_by_job(kind, settings) else None,
        "then": _then(table, kind, settings),
        "rows": sum(partition.rows for partition in own),
        "bytes": sum(partition.bytes for partition in own),
        "cold_bytes": sum(partition.cold_bytes for partition in own),
    }


def _then(table: ttl.Live, kind: Class, settings: Settings) -> str:
    if is_kept(kind, table):
        return "kept for ever" if kind.end is None else "kept: its partitions are no days"
    if kind.has_archive and not is_dropped_by_job(kind, settings):
        return f"dropped after {kind.end} + {MARGIN_DAYS} days, unarchived: ARCHIVE_URL is not set"
    return "dropped"


def _end(line: dict[str, Any]) -> list[str]:
    return ["yes" if line["follows"] else "NO", ", ".join(line["legal_holds"])]


def _key(each: due.Due) -> tuple[str, str, str]:
    return str(each.step), each.partition.table.name, each.partition.name
