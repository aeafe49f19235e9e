"""`millrace forget`: erase one person everywhere, keep the person's later events out, and say what is left."""

import asyncio
from typing import Annotated

import msgspec
import typer

from agents.suppress import pseudonyms_of
from clickhouse.archive.day import Archive
from clickhouse.archive.store import opened
from clickhouse.erasure import forget as erasure
from clickhouse.erasure import receipt
from clickhouse.erasure.forget import Request
from clickhouse.erasure.receipt import Place, Receipt
from metadata.answers import Answers
from metadata.audit import Action
from metadata.session import connect as connect_metadata
from streams.cli import terminal
from streams.cli.terminal import jobs, quiet
from streams.cli.terminal.recorded import recorded
from streams.errors import ConfigurationError, MetadataUnavailable
from streams.events.domains import DOMAINS
from streams.persons import PERSON_FIELDS
from streams.settings import Settings, load
from tables.declared import declared


def forget(
    user_id: Annotated[str, typer.Argument(help="The person's user_id, which is also the driver_id.")],
    domain: Annotated[str, typer.Option(help="Of this domain only; without it, of every one.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would be erased, and change nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Erase a person from all tables, dead letters, sessions and the archive, and drop the person's events from now on.

    Holds the shards meanwhile, which takes some minutes (see `millrace hold`); several calls under one hold wait once.
    Prints a receipt, and keeps it. Exit code 1 if a legal hold keeps anything. May be called again at any time.
    The audit log has it by its pseudonym; while PostgreSQL is away it goes on, and says that it was not recorded.
    """
    settings = load()
    request = _request(settings, user_id, domain)
    if dry_run:
        with jobs.looking() as (work, ledger):
            archive = Archive(work, opened(settings), ledger) if settings.archive_url else None
            names, places = erasure.held(work, request), erasure.find(work, archive, request)
            places = [_as_held(place, names) for place in places] if names else places
            made = erasure.written(ledger, request, places, "dry run")
    else:
        made = asyncio.run(_erase_recorded(settings, request))
        asyncio.run(_clear_answers(settings))
    _print(made, as_json)
    if any(place.kept for place in made.places) or made.state == "held":
        raise typer.Exit(1)


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


def personal_windows() -> list[str]:
    """The windows and sessions whose key names a person, or the visit of one."""
    keys = {name: window.over.key for name, window in declared.windows.items()}
    keys |= {name: session.key for name, session in declared.sessions.items()}
    return sorted(name for name, key in keys.items() if set(key) & set(PERSON_FIELDS))


async def _erase_recorded(settings: Settings, request: Request) -> Receipt:
    how = {"domain": request.domain or "all"}
    async with recorded(settings, Action.ERASE, request.pseudonym, how) as act:
        made = await _erase(settings, request)
        act.figures.update(erasure=made.erasure, state=made.state, rows=made.rows)
    return made


async def _erase(settings: Settings, request: Request) -> Receipt:
    with jobs.working() as (work, ledger):
        archive = Archive(work, opened(settings), ledger) if settings.archive_url else None
        names = await asyncio.to_thread(erasure.held, work, request)
        if names:
            places = [_as_held(place, names) for place in await asyncio.to_thread(erasure.find, work, archive, request)]
            made = erasure.written(ledger, request, places, "held")
            await asyncio.to_thread(receipt.store, work, made)
            return made
        await asyncio.to_thread(erasure.suppress, work, ledger, request)
        async with quiet.quiet(settings, f"forget-{ledger.run}", "a person is erased"):
            return await asyncio.to_thread(erasure.erase, work, archive, ledger, request)


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


def _as_held(place: Place, names: list[str]) -> Place:
    """All of it stays."""
    return Place(where=place.where, rows=0, kept=place.rows + place.kept, holds=sorted({*names, *place.holds}))


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
