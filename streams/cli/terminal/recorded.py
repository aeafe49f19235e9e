"""Acts of commands in the audit log. Where it cannot be written the act goes on, and that is said loudly.

For what must not wait for PostgreSQL, and has a record of its own in ClickHouse: erasures and dead letters. An export
is refused instead: see `metadata.audit.Audit.act`.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from metadata.audit import Act, Action, Audit, Entry, Outcome, reason
from metadata.session import connect
from streams.cli import terminal
from streams.errors import MillraceError
from streams.settings import Settings


@asynccontextmanager
async def recorded(
    settings: Settings, action: Action, subject: str, parameters: Mapping[str, Any]
) -> AsyncIterator[Act]:
    """Record what happens in the block, as whoever calls the command; its `figures` become part of the record."""
    entry = Entry(terminal.operator(), action, subject, parameters)
    engine = _engine(settings, entry)
    audit = None if engine is None else Audit(engine, settings)
    try:
        act = Act(await _begin(audit, entry))
        try:
            yield act
        except BaseException as error:
            await _end(audit, entry, act, Outcome.FAILED, {**act.figures, "reason": reason(error)})
            raise
        await _end(audit, entry, act, Outcome.DONE, act.figures)
    finally:
        if engine is not None:
            await engine.dispose()


def _engine(settings: Settings, entry: Entry) -> AsyncEngine | None:
    try:
        return connect(settings)
    except MillraceError as error:
        _say(entry, Outcome.BEGUN, {}, error)
        return None


async def _begin(audit: Audit | None, entry: Entry) -> int:
    """Number of the line; 0: there is none."""
    try:
        return 0 if audit is None else await audit.begin(entry)
    except MillraceError as error:
        _say(entry, Outcome.BEGUN, {}, error)
        return 0


async def _end(audit: Audit | None, entry: Entry, act: Act, outcome: Outcome, figures: Mapping[str, Any]) -> None:
    try:
        if audit is not None and act.record:
            await audit.end(act.record, outcome, figures)
        else:  # PostgreSQL may be back by now; one line is better than none
            await _late(audit, entry, outcome, figures)
    except MillraceError as error:
        _say(entry, outcome, figures, error)


async def _late(audit: Audit | None, entry: Entry, outcome: Outcome, figures: Mapping[str, Any]) -> None:
    if audit is not None:
        whole = {**entry.parameters, **figures, "recorded": "late"}
        await audit.note(Entry(entry.actor, entry.action, entry.subject, whole), outcome)
        typer.secho("the audit log has it now, as recorded late", err=True)


def _say(entry: Entry, outcome: Outcome, figures: Mapping[str, Any], error: Exception) -> None:
    line = {
        "actor": entry.actor,
        "action": str(entry.action),
        "subject": entry.subject,
        "parameters": {**entry.parameters, **figures},
        "outcome": str(outcome),
    }
    typer.secho(
        f"NOT RECORDED in the audit log, and done all the same: {error}", err=True, fg=typer.colors.RED, bold=True
    )
    typer.secho(f"  keep this line: {msgspec.json.encode(line, enc_hook=str).decode()}", err=True, fg=typer.colors.RED)
