"""`millrace archive`: days beyond cold storage to Parquet files, read back before they are dropped, and back again."""

from typing import Annotated

import typer

from clickhouse.archive import files, job, manifest
from clickhouse.archive.day import Archive
from clickhouse.archive.passing import Work, made, staging
from clickhouse.archive.restore import restore as bring_back
from clickhouse.archive.share import Share
from clickhouse.archive.store import opened
from clickhouse.retention.ledger import Ledger
from streams.cli import terminal
from streams.cli.terminal import jobs
from streams.errors import ConfigurationError, MillraceError
from streams.settings import load

app = typer.Typer(no_args_is_help=True, help="Archive old days, check the files, and bring days back.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
OneTable = Annotated[str, typer.Option("--table", help="Of this table only.")]
OneDay = Annotated[str | None, typer.Option("--day", help="Of this day only, YYYY-MM-DD.")]


@app.callback()
def archive() -> None:
    """Archive old days, check the files, and bring days back."""


@app.command()
def run(
    until: Annotated[str | None, typer.Option(help="No day after this one, YYYY-MM-DD.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be archived, and do nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write every day beyond cold storage to files, read them back, and drop the day. Run it once a day.

    A day under a legal hold stays. It goes on after a crash where it ended; two never run at once.
    """
    last = jobs.day(until, "--until")
    if dry_run:
        with jobs.looking_everywhere() as everywhere:
            lines = [
                jobs.due_line(each) | jobs.of_shard(one.ledger)
                for one in _archives(everywhere)
                for each in job.due_days(one, last)
            ]
    else:
        with jobs.working_everywhere() as everywhere:
            lines = []
            for one in _archives(everywhere):
                for outcome in job.run(one, last):
                    lines.append(_line(outcome) | jobs.of_shard(one.ledger))
                    if not as_json:
                        typer.echo(_told(outcome, one.ledger.place))
    if as_json:
        terminal.json(lines)
    elif not lines:
        typer.echo("nothing is due")
    elif dry_run:
        terminal.table(jobs.DUE_COLUMNS, map(jobs.due_row, lines))


@app.command("list")
def list_(table: OneTable = "", day: OneDay = None, as_json: AsJson = False) -> None:
    """Show the archived days, by their manifests."""
    found = _chosen(table, day)
    if as_json:
        terminal.json(found)
        return
    columns = ["table", "day", "run", "rows", "files", "size", "from", "to", "erased", "hash"]
    terminal.table(
        columns,
        (
            [m.table, m.day, m.run, m.rows, len(m.files), jobs.size(m.bytes), m.min_time, m.max_time, m.erased, m.hash]
            for m in found
        ),
    )


@app.command()
def verify(table: OneTable = "", day: OneDay = None, as_json: AsJson = False) -> None:
    """Read files back into a table of ClickHouse and hold bytes, rows and hash against the manifests.

    Exit code 1 if one differs; the table is dropped again.
    """
    found = _chosen(table, day)
    lines = []
    with jobs.working() as (works, _):
        work = works[0]  # the files are one archive, whichever node reads them back
        store = opened(work.settings)
        for each in found:
            fault = ""
            with made(work, each.table, staging(each.table)) as back:
                try:
                    files.read(work, store, each, back)
                except MillraceError as error:
                    fault = str(error)
            lines.append({"table": each.table, "day": each.day, "run": each.run, "rows": each.rows, "fault": fault})
    if as_json:
        terminal.json(lines)
    else:
        for line in lines:
            typer.echo(f"{line['table']} {line['day']} run {line['run']}: {line['fault'] or 'as its manifest says'}")
    if any(line["fault"] for line in lines):
        raise typer.Exit(1)


@app.command()
def restore(
    table: Annotated[str, typer.Argument(help="A table that the archive has.")],
    day: Annotated[str, typer.Option("--day", help="The day, YYYY-MM-DD.")],
    keep: Annotated[int, typer.Option(min=1, help="Days for which the archive job leaves it alone.")] = 30,
    as_json: AsJson = False,
) -> None:
    """Bring an archived day back, without feeding any view a second time.

    The rows are read back into a table beside it, held against the manifest, and attached.
    """
    chosen = jobs.day(day, "--day")
    assert chosen is not None
    with jobs.working_everywhere() as everywhere:
        archives = _archives(everywhere)
        came = bring_back(archives, table, chosen, keep)
        expected = manifest.total(manifest.manifests(archives[0].store, table, chosen.isoformat()))
    if as_json:
        terminal.json(
            {"table": table, "day": day, "rows": came.rows, "hash": came.hash, "archived_hash": expected.hash}
        )
    else:
        typer.echo(f"{table} {day}: {came.rows:,} rows are back, hash {came.hash}; archived: {expected.hash}")


def _archives(everywhere: list[tuple[Work, Ledger]]) -> list[Archive]:
    """The archive as each ClickHouse shard has to do with it."""
    count = len(everywhere)
    return [
        Archive(work, opened(work.settings), ledger, share=Share(number, count))
        for number, (work, ledger) in enumerate(everywhere)
    ]


def _line(outcome: job.Outcome) -> dict[str, object]:
    left = outcome.left
    result = {"dropped_rows": left.rows if left else 0, "hash": left.hash if left else None}
    return jobs.due_line(outcome.due) | result | {"why_not": outcome.why or None}


def _told(outcome: job.Outcome, place: str) -> str:
    day, left = outcome.due.partition, outcome.left
    told = f"{left.rows:,} rows dropped, hash {left.hash}" if left else f"stays: {outcome.why}"
    return f"{day.table.name} {day.name}{place}: {told}"


def _chosen(table: str, day: str | None) -> list[manifest.Manifest]:
    store, only = opened(load()), jobs.day(day, "--day")
    found = [each for each in manifest.manifests(store, table) if only is None or each.day == only.isoformat()]
    if not found and (table or day):
        raise ConfigurationError(f"{store.url} has nothing of {table or 'any table'} {day or ''}".rstrip())
    return found
