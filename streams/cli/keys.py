"""`millrace keys`: makes, lists and revokes API keys: for posting events, for reading metrics."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

import typer

from metadata.keys import Keys, Scope, Wanted
from metadata.models import ApiKey
from metadata.session import connect
from streams.cli import terminal
from streams.errors import ConfigurationError
from streams.events.domains import DOMAINS
from streams.settings import load

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke API keys: for posting events, for reading metrics.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def keys() -> None:
    """Make, list and revoke API keys: for posting events, for reading metrics."""


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who or what will use it; shown in lists.")],
    scope: Annotated[
        list[Scope] | None,
        typer.Option(
            help="What it may do; repeatable. pages:write is for keys in web pages, metrics:read for reading metrics, "
            "rows:read for exporting events, people:read for the ids of people behind either."
        ),
    ] = None,
    domain: Annotated[
        list[str] | None,
        typer.Option(help="Domain that it may post to, or read; repeatable; default: all of today."),
    ] = None,
    requests_per_second: Annotated[
        int | None, typer.Option(min=1, help="Its own limit, instead of INGEST_REQUESTS_PER_SECOND.")
    ] = None,
    events_per_second: Annotated[
        int | None, typer.Option(min=1, help="Its own limit, instead of INGEST_EVENTS_PER_SECOND.")
    ] = None,
    days: Annotated[float | None, typer.Option(min=0, help="Days until it expires; default: never.")] = None,
    as_json: Json = False,
) -> None:
    """Make a key and print it: alone on standard output, so that a script can take it. It is never shown again."""
    wanted = Wanted(
        name.strip(),
        scope or [Scope.EVENTS_WRITE],
        _domains(domain),
        requests_per_second,
        events_per_second,
        None if days is None else datetime.now(UTC) + timedelta(days=days),
    )
    if not wanted.name:
        raise ConfigurationError("the key needs a name that says who uses it, such as `millrace keys create checkout`")
    key, text = _with_keys(lambda kept: kept.create(wanted, terminal.operator()))
    if as_json:
        typer.echo(json.dumps(_facts(key) | {"key": text}, indent=2))
        return
    typer.secho(
        f"key {key.id} for {key.name}: {_rights(key)}. Keep it now, it is not shown again. Send it as\n"
        "  Authorization: Bearer KEY",
        err=True,
    )
    typer.echo(text)


@app.command("list")
def list_keys(as_json: Json = False) -> None:
    """List every key: state, rights and when it was last used. Secrets are not kept, so none can be shown."""
    found = _with_keys(lambda kept: kept.all())
    if as_json:
        typer.echo(json.dumps([_facts(key) for key in found], indent=2))
        return
    if not found:
        typer.echo("there are no keys; make one with `millrace keys create NAME`")
    for key in found:
        used = f"last used {_shown(key.last_used_at)}" if key.last_used_at else "never used"
        typer.echo(f"{key.id}  {_state(key):8}  {key.name}  {_rights(key)}  {used}")


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID", help="As `millrace keys list` shows it.")]) -> None:
    """Take a key back: every web process refuses it within API_KEY_CACHE_SECONDS."""
    settings = load()
    key = _with_keys(lambda kept: kept.revoke(key_id, terminal.operator()))
    if key is None:
        raise ConfigurationError(f"there is no key {key_id!r}; `millrace keys list` shows all")
    typer.echo(
        f"{key.id} of {key.name} is revoked since {_shown(key.revoked_at)}; web processes refuse it within "
        f"{settings.api_key_cache_seconds:g} s"
    )


def _with_keys(work: Callable[[Keys], Awaitable[T]]) -> T:
    async def run() -> T:
        settings = load()
        engine = connect(settings)
        try:
            return await work(Keys(engine, settings))
        finally:
            await engine.dispose()

    return asyncio.run(run())


def _domains(given: list[str] | None) -> list[str]:
    unknown = [name for name in given or () if name not in DOMAINS]
    if unknown:
        raise ConfigurationError(f"--domain {unknown[0]!r} is unknown; choose of {', '.join(DOMAINS)}")
    return [*dict.fromkeys(given or DOMAINS)]


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= datetime.now(UTC) else "active"


def _rights(key: ApiKey) -> str:
    return f"{' '.join(key.scopes)} in {' '.join(key.domains)}"


def _shown(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if moment else ""


def _facts(key: ApiKey) -> dict[str, Any]:
    times = ("created_at", "expires_at", "revoked_at", "last_used_at")
    moments = {name: getattr(key, name) for name in times}
    return {
        "id": key.id,
        "name": key.name,
        "state": _state(key),
        "scopes": key.scopes,
        "domains": key.domains,
        "requests_per_second": key.requests_per_second,
        "events_per_second": key.events_per_second,
        **{name: moment.isoformat() if moment else None for name, moment in moments.items()},
    }
