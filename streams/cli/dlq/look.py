"""`millrace dlq list` and `show`: what was refused, why, and what has been done about it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, fields
from typing import Annotated, Any

import typer

from clickhouse.client import connect
from clickhouse.dead_letters import DeadLetters
from streams.cli import terminal
from streams.cli.dlq import filters
from streams.cli.dlq.filters import Choice
from streams.letter import Action, Cause, Filter, Letter, LetterId, State
from streams.settings import Settings, load

MESSAGE_WIDTH = 90
RECORD = ("key", "key_encoding", "value", "value_encoding", "headers", "history")
"""Parts of a letter that are shown after its facts."""


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[DeadLetters]:
    """The dead letters, connected."""
    client = await connect(settings, reading=True)
    try:
        yield DeadLetters(client)
    finally:
        await client.close()


def list_letters(
    reason: filters.Reasons = None,
    kind: filters.Types = None,
    topic: filters.Topics = None,
    source: filters.Sources = None,
    field: filters.Fields = None,
    cause: filters.Causes = None,
    state: filters.States = None,
    since: filters.Since = None,
    until: filters.Until = None,
    limit: Annotated[int, typer.Option(min=1, help="Letters, or causes, at most.")] = 50,
    by_cause: Annotated[bool, typer.Option("--by-cause", help="Group by cause: reason, event type and field.")] = False,
    as_json: filters.AsJson = False,
) -> None:
    """List dead letters, the newest first, or count them by cause."""
    chosen = Choice.of(None, reason, kind, topic, source, field, cause, state, since, until).filter
    if by_cause:
        _show_causes(asyncio.run(_causes(load(), chosen, limit)), as_json)
        return
    letters, counts = asyncio.run(_newest(load(), chosen, limit))
    if as_json:
        terminal.json([summary(letter) for letter in letters])
        return
    columns = ("id", "ingested at", "reason", "type", "field", "state", "replays", "message")
    terminal.table(columns, map(_row, letters))
    total = sum(counts.values())
    listed = ", ".join(f"{counts[s]:,} {s}" for s in State if counts.get(s))
    typer.echo(f"\n{len(letters):,} of {total:,} dead letters" + (f" ({listed})" if listed else ""))


def show(
    letter: Annotated[str, typer.Argument(metavar="ID", help="A dead letter, as topic:partition:offset.")],
    as_json: filters.AsJson = False,
) -> None:
    """Show one dead letter whole: why it was refused, its bytes, key and headers, and what was done to it."""
    found, history = asyncio.run(_one(load(), LetterId.parse(letter)))
    facts = details(found, history)
    if as_json:
        terminal.json(facts)
        return
    for name, value in facts.items():
        if name not in RECORD:
            known = "unknown" if name == "schema_version" and value is None else value
            typer.echo(f"{typer.style(name.replace('_', ' ').rjust(15), bold=True)}  {terminal.words(known)}")
    for name, content in (("key", found.key), ("value", found.value)):
        typer.echo(f"{typer.style(_label(name, content).rjust(15), bold=True)}  {terminal.words(plain(content)[0])}")
    for name, content in found.headers:
        label = typer.style(_label("header", content).rjust(15), bold=True)
        typer.echo(f"{label}  {terminal.words(name)}: {terminal.words(plain(content)[0])}")
    if history:
        typer.echo()
        columns = ("at", "action", "", "attempt", "by", "to", "note")
        terminal.table(columns, map(_history_row, history))


def summary(letter: Letter) -> dict[str, Any]:
    """A letter without its record, for JSON."""
    left_out = ("id", "actions", "key", "value", "headers")
    facts = {f.name: getattr(letter, f.name) for f in fields(letter) if f.name not in left_out}
    return {"id": str(letter.id), **letter.id._asdict(), **facts}


def details(letter: Letter, history: Sequence[Action]) -> dict[str, Any]:
    """A letter with its record, for JSON; bytes that are not UTF-8 in hex, and null where there is nothing."""
    key, key_encoding = plain(letter.key)
    value, value_encoding = plain(letter.value)
    return {
        **summary(letter),
        "key": key,
        "key_encoding": key_encoding,
        "value": value,
        "value_encoding": value_encoding,
        "headers": [[name, *plain(content)] for name, content in letter.headers],
        "history": [_action(line) for line in history],
    }


def plain(value: bytes | None) -> tuple[str | None, str | None]:
    """Bytes as text and `utf-8`, or as hex digits and `hex`; neither where there is no value at all."""
    if value is None:
        return None, None
    try:
        return value.decode(), "utf-8"
    except UnicodeDecodeError:
        return value.hex(), "hex"


def _label(name: str, content: bytes | None) -> str:
    """How a part of the record is called for people; what cannot be seen in its text is said here."""
    if not content:
        return f"{name} (null)" if content is None else f"{name} (empty)"
    return f"{name} (hex)" if plain(content)[1] == "hex" else name


def _row(letter: Letter) -> tuple[Any, ...]:
    replays = f"{letter.attempt} before" if letter.attempt else ""
    text = letter.message if len(letter.message) <= MESSAGE_WIDTH else letter.message[: MESSAGE_WIDTH - 3] + "..."
    id_ = letter.id.short
    return (id_, letter.ingested_at, letter.reason, letter.event_type, letter.field, letter.state, replays, text)


def _show_causes(causes: Sequence[Cause], as_json: bool) -> None:
    if as_json:
        terminal.json([asdict(cause) for cause in causes])
        return
    columns = ("cause", "reason", "type", "field", "letters", "open", "first seen", "last seen", "version", "example")
    rows = [
        (c.cause, c.reason, c.event_type, c.field, c.count, c.open, c.first_seen, c.last_seen, c.app_version, c.message)
        for c in causes
    ]
    terminal.table(columns, rows)


def _action(line: Action) -> dict[str, Any]:
    facts = {f.name: getattr(line, f.name) for f in fields(line) if f.name not in ("letter", "value")}
    if line.edited:
        facts["value"], facts["value_encoding"] = plain(line.value)
    return facts


def _history_row(line: Action) -> tuple[Any, ...]:
    to = f"{line.to_topic}:{line.to_partition}:{line.to_offset}" if line.to_topic else ""
    edited = " edited" if line.edited else ""
    return (line.at, f"{line.kind} {line.phase}{edited}", line.action, line.attempt, line.actor, to, line.note)


async def _newest(settings: Settings, chosen: Filter, limit: int) -> tuple[list[Letter], dict[State, int]]:
    async with opened(settings) as letters:
        return await letters.newest(chosen, limit), await letters.count(chosen)


async def _causes(settings: Settings, chosen: Filter, limit: int) -> list[Cause]:
    async with opened(settings) as letters:
        return await letters.causes(chosen, limit)


async def _one(settings: Settings, wanted: LetterId) -> tuple[Letter, list[Action]]:
    async with opened(settings) as letters:
        (found,) = await letters.by_id([wanted])
        return found, await letters.history(found.id)
