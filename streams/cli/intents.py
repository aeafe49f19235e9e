"""`millrace intents`: every record of the log of intents, and a new chain where the old one cannot be followed."""

import asyncio
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from agents.audit import Entry, kind, verdicts
from agents.gate import seconds_to_wait
from agents.repair import chain
from agents.repair.chain import Plan
from agents.repair.parts import Parts, members, opened
from clickhouse.holds import Holds
from streams import log
from streams.batch import count_runs
from streams.cli import terminal
from streams.cli.terminal import shards
from streams.errors import ConfigurationError, SourceCut
from streams.intent import nonce
from streams.settings import Settings, load

app = typer.Typer(no_args_is_help=True, help="Show and repair the log of intents.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def intents() -> None:
    """Show and repair the log of intents: what every shard has proposed, and what of it counts."""


@app.command()
def show(
    shard: shards.Shards = None,
    start: Annotated[
        int | None, typer.Option("--from", min=0, help="From this offset of the log on; default: the newest 50.")
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Print every record as it stands in the log.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show every record of the log: valid or void, and why it is void. A void record delivers nothing."""
    settings = load()
    log.configure(settings.log_format, "error")
    found = asyncio.run(_show(settings, shards.chosen(settings, shard), start))
    if as_json:
        terminal.json([_facts(number, entry) for number, entry in found])
    elif raw:
        for number, entry in found:
            text = (entry.raw.value or b"").decode("utf-8", "backslashreplace")
            typer.echo(f"{number}\t{entry.raw.offset}\t{'valid' if entry.is_valid else 'void'}\t{text}")
    else:
        columns = ("shard", "offset", "appended at", "seq", "kind", "chain", "nonce", "rows", "valid")
        terminal.table(columns, [_row(number, entry) for number, entry in found])


@app.command()
def repair(
    shard: shards.Shards = None,
    skip_lost: Annotated[
        bool, typer.Option("--skip-lost", help="Go on after records that are gone unread, and count them as lost.")
    ] = False,
    while_running: Annotated[
        bool,
        typer.Option("--while-running", help="Do it although the group has members: dead ones, or held meanwhile."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it; without this, only say what would be done.")] = False,
    note: Annotated[str, typer.Option(help="A remark for the audit.")] = "",
    as_json: AsJson = False,
) -> None:
    """Begin a new chain for shards whose log was cut or re-created, or whose topics lost records.

    Stop the workers first. Without --yes it only says what it would do and why. With --yes it places a hold, waits
    until no batch of a stalled worker can arrive any more, begins the chain and releases the hold.
    """
    settings = load()
    log.configure(settings.log_format, "error")
    plans, done = asyncio.run(
        _repair(settings, shards.chosen(settings, shard), skip_lost, while_running, yes, note, as_json)
    )
    if as_json:
        terminal.json({"done": done, "shards": [_plan_facts(plan) for plan in plans]})
    elif done:
        typer.echo("done; start the workers")
    elif any(plan.is_needed for plan in plans):
        typer.echo("\nNothing was changed. Stop the workers and run it again with --yes.")


async def _show(settings: Settings, numbers: list[int], start: int | None) -> list[tuple[int, Entry]]:
    found: list[tuple[int, Entry]] = []
    async with shards.reader(settings) as reader:
        for number in numbers:
            entries = (await reader.read(number, valid=50, first=start)).log.entries
            kept = [e for e in entries if e.raw.offset >= start] if start is not None else entries[-50:]
            found += [(number, entry) for entry in kept]
    return found


async def _repair(
    settings: Settings, numbers: list[int], skip_lost: bool, while_running: bool, yes: bool, note: str, as_json: bool
) -> tuple[list[Plan], bool]:
    async with opened(settings) as parts:
        plans = [await chain.plan(parts.of(number), number) for number in numbers]
        if not as_json:
            for plan in plans:
                _tell(plan)
        needed = [plan.shard for plan in plans if plan.is_needed]
        if not (yes and needed):
            return plans, False
        for plan in plans:
            if plan.lost and not skip_lost:
                raise SourceCut(f"shard {plan.shard} has lost records: add --skip-lost to go on after them")
        if (alive := await members(settings)) and not while_running:
            raise ConfigurationError(
                f"{len(alive)} member(s) in group {settings.kafka_group}: {', '.join(alive[:5])}. Stop the workers and "
                "wait for KAFKA_SESSION_TIMEOUT_SECONDS; if they are dead, or must go on with the other shards, add "
                "--while-running"
            )
        return await _held(parts, needed, skip_lost, note), True


async def _held(parts: Parts, needed: list[int], skip_lost: bool, note: str) -> list[Plan]:
    """Carry out under a hold: the plan is made anew when nobody can write any more."""
    settings = parts.settings
    holds = Holds(parts.client, settings.clickhouse_cluster)
    name = f"repair-{nonce()}"
    await holds.place(name, f"millrace intents repair by {terminal.operator()}")
    try:
        await _wait(seconds_to_wait(settings.batch_age_seconds, settings.batch_settle_seconds))
        plans = []
        for number in needed:
            plan = await chain.plan(parts.of(number), number)
            if plan.is_needed:
                record, offset = await chain.begin(parts.of(number), plan, terminal.operator(), skip_lost, note)
                typer.echo(
                    f"shard {number}: chain {record.chain} begins with record {record.seq} at {offset}", err=True
                )
            plans.append(plan)
        return plans
    finally:
        await holds.release(name)


async def _wait(seconds: float) -> None:
    columns = (TextColumn("waiting until no batch can arrive any more"), BarColumn(), TimeRemainingColumn())
    started = time.monotonic()
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("", total=seconds)
        while (passed := time.monotonic() - started) < seconds:
            progress.update(task, completed=passed)
            await asyncio.sleep(min(1.0, seconds - passed))


def _tell(plan: Plan) -> None:
    """Say what is wrong, what would be done and why, for people."""
    typer.secho(f"shard {plan.shard}: {plan.found}", bold=True)
    if plan.standing is not None:
        typer.echo("  would write its line into `delivered`, so that workers begin there")
    if plan.record is None:
        return
    record = plan.record
    typer.echo(f"  would begin a new chain with record {record.seq}, after {record.previous or 'nothing'}:")
    rows = []
    for topic, place in plan.places.items():
        start, end = record.ranges[topic]
        lost = f"{place.lost[0]} to {place.lost[1]}" if place.lost else ""
        rows.append((topic, str(end), f"{start} to {end}" if start < end else "", lost, place.why))
    terminal.table(("topic", "goes on at", "completes", "lost", "why"), rows)
    if record.rows:
        listed = ", ".join(f"{count:,} of {table}" for table, count in record.rows.items())
        typer.echo(f"  rows that the last batch still lacks, and the first record delivers: {listed}")
    typer.echo(
        "  Offsets without a row were duplicates or left out by sampling; where nobody knows how far they reach they "
        "are read again\n  and judged again. Rows that were erased by hand since cannot be told from records that "
        "were never taken."
    )
    if plan.lost:
        typer.secho("  Records are gone unread: only --skip-lost goes on after them.", fg=typer.colors.YELLOW)


def _facts(shard: int, entry: Entry) -> dict[str, Any]:
    intent = entry.intent
    facts: dict[str, Any] = {
        "shard": shard,
        "offset": entry.raw.offset,
        "appended_at": datetime.fromtimestamp(entry.raw.at / 1000, UTC),
        "valid": entry.is_valid,
        "why": entry.why,
    }
    if intent is None:
        return facts | {"record": (entry.raw.value or b"").decode("utf-8", "backslashreplace")}
    return facts | {"kind": kind(intent), "verdict_counts": verdicts(intent), "record": msgspec.to_builtins(intent)}


def _row(shard: int, entry: Entry) -> tuple[Any, ...]:
    at = datetime.fromtimestamp(entry.raw.at / 1000, UTC)
    valid = "valid" if entry.is_valid else f"void: {entry.why}"
    intent = entry.intent
    if intent is None:
        return (str(shard), entry.raw.offset, at, "", "", "", "", "", valid)
    rows = " ".join(f"{table}:{count:,}" for table, count in intent.rows.items())
    return (str(shard), entry.raw.offset, at, intent.seq, kind(intent), intent.chain, intent.nonce, rows, valid)


def _plan_facts(plan: Plan) -> dict[str, Any]:
    lost = sum(count_runs(words.get("lost", [])) for words in (plan.record.verdict if plan.record else {}).values())
    return {
        "shard": plan.shard,
        "needed": plan.is_needed,
        "found": plan.found,
        "places": {topic: asdict(place) for topic, place in plan.places.items()},
        "record": msgspec.to_builtins(plan.record) if plan.record else None,
        "lost": lost,
    }
