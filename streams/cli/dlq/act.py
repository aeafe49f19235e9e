"""`millrace dlq replay` and `discard`: send dead letters again, or give them up."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import click
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from agents.build import open_producer
from agents.dlq.edit import Change, Outgoing, Rules, assignments, prepare
from agents.dlq.replay import Replayer, Tally, pages, scope
from agents.dlq.replay import discard as give_up
from agents.judge import Policy
from agents.kill_point import arm
from clickhouse.dead_letters import DeadLetters
from metadata.audit import Action
from streams import log
from streams.cli import terminal
from streams.cli.dlq import filters
from streams.cli.dlq.filters import Choice
from streams.cli.dlq.look import opened, plain
from streams.cli.terminal.recorded import recorded
from streams.errors import ConfigurationError
from streams.intent import nonce
from streams.letter import Filter, Letter, State
from streams.settings import Settings, load
from streams.topics import source_topics

File = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        dir_okay=False,
        readable=True,
        allow_dash=True,
        help="Send the bytes of this file instead (`-`: stdin); one id only.",
    ),
]

LETTERS = "dead letters"
"""Subject of the audit."""
SHOWN = 50
"""Records that a dry run prints one by one."""


@dataclass(frozen=True)
class Order:
    """What a replay was told to do, beside which letters."""

    change: Change
    edit: bool
    dry_run: bool
    ask: bool
    as_json: bool
    again: bool
    anyway: bool
    most_attempts: int
    rate: float | None
    note: str


def replay(
    ids: filters.Ids = None,
    reason: filters.Reasons = None,
    kind: filters.Types = None,
    topic: filters.Topics = None,
    source: filters.Sources = None,
    field: filters.Fields = None,
    cause: filters.Causes = None,
    state: filters.States = None,
    since: filters.Since = None,
    until: filters.Until = None,
    everything: filters.Everything = False,
    dry_run: filters.DryRun = False,
    rate: Annotated[float | None, typer.Option(min=0.1, help="Records a second at most.")] = None,
    edit: Annotated[bool, typer.Option("--edit", help="Open the record in $EDITOR first; one id only.")] = False,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Set a field, such as data.seats=2; may be repeated."),
    ] = None,
    file: File = None,
    to: Annotated[str | None, typer.Option(help="Send to this source topic, for events on the wrong one.")] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also what is replayed, uncertain or discarded, or failed again.")
    ] = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Also send what this version would certainly refuse again.")
    ] = False,
    most_attempts: Annotated[
        int, typer.Option("--max-attempts", min=1, help="Replays of one record at most, with --again.")
    ] = 3,
    note: Annotated[str, typer.Option(help="A remark for the audit.")] = "",
    yes: filters.Yes = False,
    as_json: filters.AsJson = False,
) -> None:
    """Send dead letters to their source topic again: key, headers and bytes as they were, or edited.

    A record that fails again becomes a new dead letter with one replay more behind it, which a replay by filter leaves
    alone unless --again is given. Each letter is noted before and after it is sent.
    """
    choice = Choice.of(ids, reason, kind, topic, source, field, cause, state, since, until, default=())
    choice.require(everything)
    if to is not None and to not in source_topics():
        raise ConfigurationError(f"--to {to}: must be one of {', '.join(source_topics())}")
    if (edit or file) and len(choice.ids) != 1:
        raise ConfigurationError("--edit and --file change one record: give one id")
    content = None if file is None else sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    changed = Change(assignments(change or ()), content, to)
    order = Order(changed, edit, dry_run, not (yes or as_json), as_json, again, anyway, most_attempts, rate, note)
    settings = load()
    log.configure(settings.log_format, "error")
    arm(settings.worker_kill_at)
    asyncio.run(_replay(settings, choice, order))


def discard(
    because: Annotated[str, typer.Option(help="Why these letters are given up; kept for the audit.")],
    ids: filters.Ids = None,
    reason: filters.Reasons = None,
    kind: filters.Types = None,
    topic: filters.Topics = None,
    source: filters.Sources = None,
    field: filters.Fields = None,
    cause: filters.Causes = None,
    state: filters.States = None,
    since: filters.Since = None,
    until: filters.Until = None,
    everything: filters.Everything = False,
    dry_run: filters.DryRun = False,
    yes: filters.Yes = False,
    as_json: filters.AsJson = False,
) -> None:
    """Give dead letters up: they stay in the table, marked with who, when and why.

    `replay ID --again` still sends one of them.
    """
    choice = Choice.of(ids, reason, kind, topic, source, field, cause, state, since, until)
    choice.require(everything)
    if not because.strip():
        raise ConfigurationError("--because is empty: say why these letters are given up")
    asyncio.run(_discard(load(), choice, because.strip(), dry_run, not (yes or as_json), as_json))


async def _replay(settings: Settings, choice: Choice, order: Order) -> None:
    async with opened(settings) as letters:
        rules = Rules(
            datetime.now(UTC),
            settings.event_bytes_limit,
            Policy.of(settings),
        )
        scoped = scope(choice.filter, order.again, order.most_attempts)
        total = len(choice.ids) or sum((await letters.count(scoped)).values())
        if order.edit:
            (letter,) = await letters.by_id(choice.ids)
            order = replace(order, change=replace(order.change, value=_edited(letter)))
        if order.dry_run:
            await _foretell(letters, choice, scoped, order, rules)
            return
        if not choice.ids:
            _ask(order.ask, f"Send {total:,} dead letters again?")
        tally = Tally()
        if total:
            is_edited = bool(order.change.fields) or order.change.value is not None
            how = choice.facts() | {"edited": is_edited, "to": order.change.topic, "note": order.note}
            async with recorded(settings, Action.REPLAY, LETTERS, how) as act:
                tally = await _send(settings, letters, choice, scoped, order, rules, total)
                act.figures.update(sent=tally.sent, **{word: count for word, count in tally.others.items() if count})
        left = {} if choice.ids else _left_out(await letters.count(replace(choice.filter, states=())), order)
        _report(tally, left, order)
        if tally.failed or tally.uncertain or tally.taken or (choice.ids and tally.still_refused):
            raise typer.Exit(1)


async def _send(
    settings: Settings, letters: DeadLetters, choice: Choice, scoped: Filter, order: Order, rules: Rules, total: int
) -> Tally:
    producer = await open_producer(settings)
    columns = (TextColumn("replaying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=Console(stderr=True), disable=order.as_json or not sys.stderr.isatty())
    bar = progress.add_task("replaying", total=total)

    def moved(tally: Tally) -> None:
        progress.update(bar, completed=tally.seen)

    replayer = Replayer(letters, producer, terminal.operator(), note=order.note, rate=order.rate, on_progress=moved)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, replayer.stopped.set)
    try:
        with progress:
            async for page in _chosen(letters, choice, scoped, order):
                await replayer.send(_worth_sending(page, order, rules, replayer))
                if replayer.stopped.is_set():
                    replayer.tally.note("stopped before the end; the rest is as it was")
                    break
    finally:
        await producer.stop()
    return replayer.tally


def _worth_sending(page: Sequence[Letter], order: Order, rules: Rules, replayer: Replayer) -> list[Outgoing]:
    """The records to send; what this version would refuse again stays where it is, unless told otherwise."""
    ready = []
    for letter in page:
        out = prepare(letter, order.change, replayer.action, rules)
        if out.refusal and not order.anyway:
            replayer.tally.still_refused += 1
            replayer.tally.note(f"{letter.id.short}: this version would refuse it again ({out.refusal})")
        else:
            ready.append(out)
    return ready


async def _chosen(letters: DeadLetters, choice: Choice, scoped: Filter, order: Order) -> AsyncIterator[list[Letter]]:
    """The letters to send, page by page. Raises ConfigurationError for an id that --again would have to allow."""
    if not choice.ids:
        async for page in pages(letters, scoped):
            yield page
        return
    found = await letters.by_id(choice.ids)
    for letter in found:
        if order.again:
            continue
        if letter.state is not State.OPEN:
            raise ConfigurationError(f"{letter.id.short} is {letter.state}; `--again` sends it once more all the same")
        if letter.attempt >= order.most_attempts:
            raise ConfigurationError(
                f"the record of {letter.id.short} was replayed {letter.attempt} times; `--again` tries once more"
            )
    yield found


async def _foretell(letters: DeadLetters, choice: Choice, scoped: Filter, order: Order, rules: Rules) -> None:
    found: list[dict[str, Any]] = []
    async for page in _chosen(letters, choice, scoped, order):
        found += [_foretold(prepare(letter, order.change, "", rules), order.anyway) for letter in page]
    if order.as_json:
        terminal.json({"dry_run": True, "send": found})
        return
    columns = ("id", "to", "replays before", "edited", "would be", "why")
    rows = [(f["id"], f["to"], f["attempt"] - 1, f["edited"], _fate(f), f["refusal"]) for f in found[:SHOWN]]
    terminal.table(columns, rows)
    sent = sum(1 for f in found if f["sent"])
    typer.echo(f"\n{sent:,} of {len(found):,} would be sent, {len(found) - sent:,} would be refused again and stay")


def _fate(foretold: dict[str, Any]) -> str:
    return "sent" if foretold["sent"] else "left"


def _foretold(out: Outgoing, anyway: bool) -> dict[str, Any]:
    value, encoding = plain(out.value)
    to = out.topic if out.partition is None else f"{out.topic}:{out.partition}"
    return {
        "id": str(out.letter.id),
        "to": to,
        "key": plain(out.key)[0],
        "edited": out.edited,
        "attempt": out.attempt,
        "sent": anyway or not out.refusal,
        "refusal": out.refusal,
        **({"value": value, "value_encoding": encoding} if out.edited else {}),
    }


def _edited(letter: Letter) -> bytes:
    """The record as a person leaves it in their editor. Raises ConfigurationError if it is not changed."""
    text, encoding = plain(letter.value)
    if encoding == "hex":
        raise ConfigurationError(f"{letter.id.short} is not UTF-8: write the bytes to a file and use --file")
    text = text or ""
    changed = click.edit(text, extension=".json", require_save=False)
    if changed is None or changed.rstrip("\n") == text.rstrip("\n"):
        raise ConfigurationError("nothing was changed, so nothing is sent")
    return changed.rstrip("\n").encode()


def _left_out(counts: dict[State, int], order: Order) -> dict[str, int]:
    """Letters of the filter that are still open or uncertain after the replay."""
    return {str(state): counts[state] for state in (State.OPEN, State.UNCERTAIN) if counts.get(state)}


def _report(tally: Tally, left: dict[str, int], order: Order) -> None:
    if order.as_json:
        terminal.json(asdict(tally) | {"left": left})
        return
    parts = [f"{tally.sent:,} sent"]
    parts += [f"{count:,} {words}" for words, count in tally.others.items() if count]
    typer.echo(", ".join(parts))
    for problem in tally.problems:
        typer.secho(f"  {terminal.words(problem)}", err=True, fg=typer.colors.YELLOW)
    if left:
        listed = ", ".join(f"{count:,} {state}" for state, count in left.items())
        typer.echo(f"of these filters there are still {listed} (`--again` takes up what failed again or is uncertain)")


async def _discard(settings: Settings, choice: Choice, because: str, dry_run: bool, ask: bool, as_json: bool) -> None:
    async with opened(settings) as letters:
        count = len(choice.ids) or sum((await letters.count(choice.filter)).values())
        if not (choice.ids or dry_run):
            _ask(ask, f"Discard {count:,} dead letters?")
        if dry_run:
            done = sum([len(page) async for page in _named_or_chosen(letters, choice)])
        else:
            async with recorded(settings, Action.DISCARD, LETTERS, choice.facts() | {"because": because}) as act:
                done = await _give_up(letters, choice, because)
                act.figures.update(discarded=done)
    if as_json:
        terminal.json({"dry_run": dry_run, "discarded": 0 if dry_run else done, "chosen": done})
    else:
        typer.echo(f"{done:,} dead letters {'would be ' if dry_run else ''}discarded")


async def _give_up(letters: DeadLetters, choice: Choice, because: str) -> int:
    """Discard the letters that were chosen; returns how many."""
    action, done = nonce(), 0
    async for page in _named_or_chosen(letters, choice):
        await give_up(letters, page, terminal.operator(), because, action)
        done += len(page)
    return done


async def _named_or_chosen(letters: DeadLetters, choice: Choice) -> AsyncIterator[list[Letter]]:
    if choice.ids:
        yield await letters.by_id(choice.ids)
        return
    async for page in pages(letters, choice.filter):
        yield page


def _ask(ask: bool, question: str) -> None:
    """Let a person who sits there decide; programs have said what they want."""
    if ask and terminal.is_interactive():
        typer.confirm(question, abort=True, err=True)
