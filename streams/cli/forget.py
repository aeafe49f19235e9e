"""`millrace forget`: erase one person everywhere, keep the person's later events out, and say what is left."""

import asyncio
from typing import Annotated

import msgspec
import typer

from agents.suppress import pseudonyms_of
from clickhouse.archive.day import Archive
from clickhouse.archive.passing import Work
from clickhouse.archive.store import opened
from clickhouse.erasure import again
from clickhouse.erasure import forget as erasure
from clickhouse.erasure.forget import Request
from clickhouse.erasure.receipt import Receipt
from clickhouse.retention.ledger import Ledger
from metadata.answers import Answers
from metadata.audit import Action
from metadata.session import connect as connect_metadata
from streams.cli import terminal
from streams.cli.terminal import jobs, quiet
from streams.cli.terminal.recorded import recorded
from streams.errors import ConfigurationError, MetadataUnavailable
from streams.events.domains import DOMAINS
from streams.settings import Settings, load
from tables.personal import personal_windows


def forget(
    user_id: Annotated[
        str | None, typer.Argument(help="The person's user_id, which is also the driver_id.", show_default=False)
    ] = None,
    domain: Annotated[str, typer.Option(help="Of this domain only; without it, of every one.")] = "",
    listed: Annotated[
        bool, typer.Option("--listed", help="Everybody who is listed as erased and has rows again, instead of one.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would be erased, and change nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Erase a person from all tables, dead letters, sessions and the archive, and drop the person's events from now on.

    Holds the shards meanwhile, which takes some minutes (see `millrace hold`); several calls under one hold wait once.
    Prints a receipt, and keeps it. Exit code 1 if a legal hold keeps anything. May be called again at any time.
    With --listed no id is given: rows that an older backup or archive brought back are found by the key, and go.
    The audit log has it by its pseudonym; while PostgreSQL is away it goes on, and says that it was not recorded.
    """
    settings = load()
    if listed:
        if user_id is not None or domain:
            raise ConfigurationError("--listed is about everybody who is listed; leave USER_ID and --domain out")
        _listed(settings, dry_run, as_json)
        return
    if user_id is None:
        raise ConfigurationError("USER_ID is missing; give the id of a person, or --listed for all who are listed")
    request = _request(settings, user_id, domain)
    made = _looked(settings, request) if dry_run else asyncio.run(_erase_recorded(settings, request))
    if not dry_run:
        asyncio.run(_clear_answers(settings))
    _print(made, as_json)
    if _is_held(made):
        raise typer.Exit(1)


def _looked(settings: Settings, request: Request) -> Receipt:
    """What would be done."""
    with jobs.looking() as (works, ledger):
        return _dry(works, ledger, _archive(settings, works, ledger), request)


def _dry(works: list[Work], ledger: Ledger, archive: Archive | None, request: Request) -> Receipt:
    names, places = erasure.held(works[0], request), erasure.find(works, archive, request)
    places = [erasure.as_held(place, names) for place in places] if names else places
    return erasure.written(ledger, request, places, "dry run")


def _listed(settings: Settings, dry_run: bool, as_json: bool) -> None:
    """Everybody who is listed and has rows."""
    if dry_run:
        with jobs.looking() as (works, ledger):
            archive = _archive(settings, works, ledger)
            wanted = again.requests(works, personal_windows(), pseudonyms_of(settings))
            made = [_dry(works, ledger, archive, each) for each in wanted]
    else:
        made = asyncio.run(_erase_listed(settings))
        asyncio.run(_clear_answers(settings))
    if as_json:
        terminal.json(msgspec.to_builtins(made))
    elif not made:
        typer.echo("nobody who is listed as erased has rows")
    else:
        columns = ["person", "domain", "state", "rows", "kept"]
        kept = [sum(place.kept for place in each.places) for each in made]
        rows = [[each.pseudonym, each.domain or "all", each.state, each.rows] for each in made]
        terminal.table(columns, [[*row, count] for row, count in zip(rows, kept, strict=True)])
    if any(map(_is_held, made)):
        raise typer.Exit(1)


async def _erase_listed(settings: Settings) -> list[Receipt]:
    with jobs.working() as (works, ledger):
        archive = _archive(settings, works, ledger)
        await asyncio.to_thread(again.tell, works[0])
        if not await asyncio.to_thread(again.requests, works, personal_windows(), pseudonyms_of(settings)):
            return []
        made = []
        async with quiet.quiet(settings, f"forget-{ledger.run}", "erased persons are erased again"):
            # Anew: what was on its way then has arrived.
            for each in await asyncio.to_thread(again.requests, works, personal_windows(), pseudonyms_of(settings)):
                how = {"domain": each.domain or "all", "again": True}
                async with recorded(settings, Action.ERASE, each.pseudonym, how) as act:
                    made.append(await asyncio.to_thread(again.erase, works, archive, ledger, each))
                    act.figures.update(erasure=made[-1].erasure, state=made[-1].state, rows=made[-1].rows)
        return made


def _archive(settings: Settings, works: list[Work], ledger: Ledger) -> Archive | None:
    return Archive(works[0], opened(settings), ledger) if settings.archive_url else None


def _is_held(made: Receipt) -> bool:
    return made.state == "held" or any(place.kept for place in made.places)


def _request(settings: Settings, user_id: str, domain: str) -> Request:
    if domain and domain not in DOMAINS:
        raise ConfigurationError(f"--domain {domain}: there are {', '.join(DOMAINS)}")
    if not user_id.strip():
        raise ConfigurationError("USER_ID is empty; rows without a person are nobody's")
    pseudonyms = pseudonyms_of(settings)
    if pseudonyms is None:
        raise ConfigurationError(
            "ERASURE_KEY is not set, so the person's later events could not be told; set it to a secret of 16 "
            "characters or more, the same for every worker, and keep it for ever"
        )
    return Request(user_id, domain, personal_windows(), pseudonyms)


async def _erase_recorded(settings: Settings, request: Request) -> Receipt:
    how = {"domain": request.domain or "all"}
    async with recorded(settings, Action.ERASE, request.pseudonym, how) as act:
        made = await _erase(settings, request)
        act.figures.update(erasure=made.erasure, state=made.state, rows=made.rows)
    return made


async def _erase(settings: Settings, request: Request) -> Receipt:
    with jobs.working() as (works, ledger):
        archive = _archive(settings, works, ledger)
        names = await asyncio.to_thread(erasure.held, works[0], request)
        if names:
            return await asyncio.to_thread(erasure.kept, works, archive, ledger, request, names)
        await asyncio.to_thread(erasure.suppress, works[0], ledger, request)
        async with quiet.quiet(settings, f"forget-{ledger.run}", "a person is erased"):
            return await asyncio.to_thread(erasure.erase, works, archive, ledger, request)


async def _clear_answers(settings: Settings) -> None:
    """Remove the answers in PostgreSQL, which may tell of the person; web processes make them anew."""
    if settings.database_url is None:
        return
    engine = connect_metadata(settings)
    try:
        await Answers(engine, settings).clear()
    except MetadataUnavailable as error:
        seconds = settings.cache_fallback_seconds
        typer.secho(f"old answers of the API are served for up to {seconds:g} s: {error}", err=True)
    finally:
        await engine.dispose()


def _print(made: Receipt, as_json: bool) -> None:
    if as_json:
        terminal.json(msgspec.to_builtins(made))
        return
    typer.echo(f"erasure {made.erasure} of {made.pseudonym} {made.domain or 'in every domain'}: {made.state}")
    rows = [[place.where, place.rows, place.kept, ", ".join(place.holds)] for place in made.places]
    if rows:
        terminal.table(["where", "rows", "kept", "by legal hold"], rows)
    else:
        typer.echo("there are no rows of this person")
    typer.echo("\nnot rewritten, and gone when:")
    terminal.table(["what", "when"], ([each.what, each.until] for each in made.remains))
