"""`millrace backup`: ClickHouse and PostgreSQL copied in the middle of the stream, checked, and brought back."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec
import typer

from agents.gate import LOOK_SECONDS, seconds_to_wait
from agents.repair import erased
from agents.repair.restored import Asked, bring_back, patient
from clickhouse import cluster
from clickhouse.backup import folder as files
from clickhouse.backup import manifest as manifests
from clickhouse.backup.manifest import Copy, Manifest, Postgres
from clickhouse.backup.restore import VERIFY, faults
from clickhouse.backup.take import Place, take
from clickhouse.client import connect, connect_sync
from clickhouse.erasure.receipt import Receipt
from clickhouse.quiet import Patience
from clickhouse.retention import turn
from metadata.copies import Copied, copy_in, copy_out
from streams import log
from streams.cli import terminal
from streams.cli.terminal import jobs
from streams.cli.terminal.bar import with_progress
from streams.errors import ConfigurationError
from streams.settings import Settings, load
from streams.version import VERSION

app = typer.Typer(no_args_is_help=True, help="Back up ClickHouse and PostgreSQL, and bring them back.")

T = TypeVar("T")
CLOSED_SECONDS = 2 * LOOK_SECONDS
"""How long a hold must have been in force once all shards have closed."""

Part = Literal["clickhouse", "postgres"]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Only = Annotated[Part | None, typer.Option("--only", help="This part alone; default: both, where both are set.")]
Which = Annotated[str | None, typer.Argument(metavar="[ID]", help="A backup of `list`; default: the newest.")]


@app.callback()
def backup() -> None:
    """Back up ClickHouse and PostgreSQL in the middle of the stream, check backups, and bring them back."""


@app.command()
def create(
    incremental: Annotated[
        bool, typer.Option("--incremental", help="Write only what has changed since the newest backup.")
    ] = False,
    keep: Annotated[
        int | None, typer.Option(min=1, help="Then remove all but the newest so many, and what those are based on.")
    ] = None,
    only: Only = None,
    as_json: AsJson = False,
) -> None:
    """Take a backup while the stream goes on.

    All shards are held for the moment in which the tables are cloned: seconds where workers run, and up to the age of a
    batch where none does. The clones are written after that. Ctrl-c is safe: what was not finished does not count.
    """
    settings = load()
    if only != "postgres":
        cluster.refuse(settings.clickhouse_cluster, "backup create")
    folder = manifests.opened(settings)
    base = _base(folder) if incremental else None
    began, at = time.monotonic(), manifests.now()
    place = Place(folder, at, base)
    (folder / at).mkdir(parents=True, mode=0o770)
    clickhouse, postgres = None, None
    if only != "clickhouse" and (settings.database_url is not None or only):
        postgres = _postgres(settings, folder / at)
    if only != "postgres":
        clickhouse = _clickhouse(settings, place)
    listed = files.listed(folder / at)
    made = Manifest(at, VERSION, round(time.monotonic() - began, 2), listed, base, clickhouse, postgres)
    manifests.save(folder, made)
    gone = manifests.prune(folder, keep) if keep else []
    if as_json:
        terminal.json(_facts(made) | {"removed": gone})
        return
    held = f", shards held for {clickhouse.held_seconds:.1f} s" if clickhouse else ""
    typer.echo(f"{at}: {jobs.size(made.bytes)} in {made.seconds:.1f} s{held}")
    for each in gone:
        typer.echo(f"{each} removed")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Show the backups that count, oldest first."""
    found = manifests.all_of(manifests.opened(load()))
    if as_json:
        terminal.json([_facts(each) for each in found])
        return
    columns = ["backup", "based on", "size", "files", "rows", "shards held", "postgres", "version"]
    terminal.table(columns, [_row(each) for each in found])


@app.command()
def verify(
    wanted: Which = None,
    deep: Annotated[
        bool, typer.Option("--restore", help="Restore into a database beside the product's too, compare, and drop it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read every file of a backup, and of those it is based on, and hold it against the manifest.

    Exit code 1 if one differs. With --restore ClickHouse reads it too, and every part must have its old hash.
    """
    settings = load()
    folder = manifests.opened(settings)
    chosen = manifests.find(folder, wanted)
    line = manifests.with_bases(manifests.all_of(folder), chosen)
    found = files.faults(folder, line, lambda _: None)
    if deep and not found and chosen.clickhouse is not None:
        found = asyncio.run(_verify(settings, chosen, Place(folder, chosen.id)))
    if as_json:
        terminal.json({"id": chosen.id, "read": [each.id for each in line], "faults": found})
    else:
        for fault in found:
            typer.echo(fault)
        typer.echo(f"{chosen.id}: {f'{len(found)} faults' if found else 'as its manifest says'}")
    if found:
        raise typer.Exit(1)


@app.command()
def restore(
    wanted: Which = None,
    replace: Annotated[bool, typer.Option("--replace", help="Drop what is there first.")] = False,
    only: Only = None,
    workers_gone: Annotated[
        bool, typer.Option("--workers-gone", help="No worker of before can come back: do not wait for stalled ones.")
    ] = False,
    skip_lost: Annotated[
        bool, typer.Option("--skip-lost", help="Go on after records that Kafka no longer has, and count them as lost.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it; without this, only say what would be done.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring a backup back, and let Kafka give what came after it a second time.

    Stop the workers first. ClickHouse comes back with a hold in force; each shard then begins a new chain of intents
    where its rows end, and the hold is released. Every event has one row in the end, if the topics still hold all that
    came since; what they no longer hold is told before anything is released. Persons who were erased since the backup
    are erased again before that, by the list beside the backups.
    """
    settings = load()
    log.configure(settings.log_format, "error")
    folder = manifests.opened(settings)
    chosen = manifests.find(folder, wanted)
    line = manifests.with_bases(manifests.all_of(folder), chosen)
    if not yes:
        typer.echo(f"would restore {chosen.id}, taken {chosen.at:%Y-%m-%d %H:%M:%S} UTC, based on {chosen.base or '-'}")
        if only != "postgres" and chosen.clickhouse is not None and (gone := erased.since(folder, chosen)):
            typer.echo(f"{len(gone)} persons were erased since; they would be erased again, before the shards go on")
        typer.echo("Nothing was changed. Stop the workers and run it again with --yes.")
        return
    if found := files.faults(folder, line, lambda _: None):
        raise ConfigurationError(f"backup {chosen.id} is damaged: {'; '.join(found[:3])}. Restore another one")
    began = time.monotonic()
    facts: dict[str, object] = {"id": chosen.id}
    receipts: list[Receipt] = []
    if only != "postgres" and chosen.clickhouse is not None:
        asked = Asked(replace, workers_gone, skip_lost, terminal.operator())
        back = asyncio.run(_with_bar(lambda told: bring_back(settings, chosen, Place(folder, chosen.id), asked, told)))
        receipts = back.erased_again
        facts |= msgspec.to_builtins(back)
    if only != "clickhouse" and chosen.postgres is not None:
        tables = [Copied(c.name, c.columns, c.rows, folder / chosen.id / c.path) for c in chosen.postgres.tables]
        copy_in(settings, chosen.postgres.revision, tables, replace)
        facts["postgres_rows"] = sum(each.rows for each in tables)
    facts["seconds"] = round(time.monotonic() - began, 2)
    if as_json:
        terminal.json(facts)
    else:
        for each in receipts:
            typer.echo(f"{each.pseudonym}, who was erased before: {each.state}, {each.rows} rows")
        typer.echo(f"{chosen.id} is back after {facts['seconds']} s; start the workers")


def _base(folder: Path) -> str:
    found = [each for each in manifests.all_of(folder) if each.clickhouse is not None]
    if not found:
        raise ConfigurationError(f"{folder} has no backup of ClickHouse to go on from; take one without --incremental")
    return found[-1].id


def _clickhouse(settings: Settings, place: Place) -> manifests.ClickHouse:
    patience = Patience(
        closed=CLOSED_SECONDS, silent=seconds_to_wait(settings.batch_age_seconds, settings.batch_settle_seconds)
    )

    async def work() -> manifests.ClickHouse:
        client = await connect(patient(settings))
        try:
            return await _with_bar(lambda told: take(client, settings.clickhouse_database, place, patience, told))
        finally:
            await client.close()

    sync = connect_sync(patient(settings))
    try:
        # An archive or erasure moves rows between tables, which a backup must not see halfway.
        with turn.taken(sync, settings):
            return asyncio.run(work())
    finally:
        sync.close()


def _postgres(settings: Settings, folder: Path) -> Postgres:
    revision, copied = copy_out(settings, folder / "postgres")
    return Postgres(revision, [Copy(c.name, c.columns, c.rows, c.path.relative_to(folder).as_posix()) for c in copied])


async def _verify(settings: Settings, chosen: Manifest, place: Place) -> list[str]:
    client = await connect(patient(settings), database=False)
    try:
        return await _with_bar(lambda told: faults(client, settings.clickhouse_database + VERIFY, chosen, place, told))
    finally:
        await client.close()


async def _with_bar(work: Callable[[files.Told], Awaitable[T]]) -> T:
    return await with_progress(lambda told: work(lambda what: told(what, 0, 0)))


def _facts(made: Manifest) -> dict[str, object]:
    return {
        "id": made.id,
        "base": made.base,
        "bytes": made.bytes,
        "files": len(made.files),
        "seconds": made.seconds,
        "version": made.version,
        "clickhouse": made.clickhouse,
        "postgres": made.postgres,
    }


def _row(made: Manifest) -> list[object]:
    held = f"{made.clickhouse.held_seconds:.1f} s" if made.clickhouse else ""
    rows = made.clickhouse.rows if made.clickhouse else ""
    kept = sum(table.rows for table in made.postgres.tables) if made.postgres else ""
    return [made.id, made.base or "", jobs.size(made.bytes), len(made.files), rows, held, kept, made.version]
