"""`millrace export`: numbers and rows as files, in the formats of the API and with its words."""

import asyncio
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, BinaryIO, Final, cast
from urllib.parse import urlsplit

import typer
from starlette.datastructures import QueryParams

from api.exports import order as ordering
from api.exports.large import made_into
from api.exports.maker import Maker
from api.exports.order import Order
from clickhouse.analytics.kinds import KINDS
from clickhouse.archive.store import Store
from clickhouse.export.make import Made
from clickhouse.export.writers import Format
from clickhouse.metrics.periods import Granularity
from metadata.audit import Action, Audit, Entry
from metadata.session import connect as connect_metadata
from streams.cli import terminal
from streams.cli.terminal.given import STDIN, given
from streams.cli.terminal.refusing import refusing
from streams.errors import ConfigurationError
from streams.settings import Settings, load

app = typer.Typer(no_args_is_help=True, help="Write numbers or rows into a file: CSV, Excel, JSON, NDJSON, Parquet.")

Begin = Annotated[
    str,
    typer.Option(
        "--from", help="RFC 3339, a day of the zone, or an age such as 24h or 7d; without it, 7 days and today."
    ),
]
End = Annotated[str, typer.Option("--to", help="Written like --from; not part of the range. Without it: now.")]
Zone = Annotated[str, typer.Option(help="IANA zone of hours and days; without it, that of the domain.")]
Out = Annotated[
    str,
    typer.Option(
        help="File to write, or s3://bucket/prefix/name.csv?region=...; without it, one in this folder that says what "
        "it holds."
    ),
]
Form = Annotated[Format, typer.Option("--format", help="Format of the file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_SCHEME: Final = "://"


@app.callback()
def export() -> None:
    """Write numbers or rows into a file: CSV, Excel, JSON, NDJSON, Parquet."""


@app.command()
def table(
    name: Annotated[str, typer.Argument(help="A raw or a family table, such as booking_events.")],
    column: Annotated[list[str] | None, typer.Option(help="Column, again for more; without it, all.")] = None,
    begin: Begin = "",
    end: End = "",
    zone: Zone = "",
    form: Form = Format.CSV,
    out: Out = "",
    as_json: AsJson = False,
) -> None:
    """Export rows of a table, one an event: those that happened in a range of time.

    The audit log has it; while PostgreSQL is away, it is refused.
    """
    words = _words({"from": begin, "to": end, "zone": zone, "format": form.value}, column=column or ())
    _export(refusing(lambda: ordering.of_table(name, words, people=True)), out, as_json)


@app.command()
def metrics(
    group: Annotated[str, typer.Argument(help="Group of metrics, as an address of the API: payments, sales ...")],
    metric: Annotated[list[str] | None, typer.Option(help="Metric of the group, again for more.")] = None,
    begin: Begin = "",
    end: End = "",
    zone: Zone = "",
    granularity: Annotated[Granularity, typer.Option(help="Length of the periods.")] = Granularity.TOTAL,
    by: Annotated[list[str] | None, typer.Option(help="A dimension to group by, again for more.")] = None,
    where: Annotated[
        list[str] | None, typer.Option(help="dimension:value to keep, again for more; value* is a prefix.")
    ] = None,
    compare: Annotated[bool, typer.Option("--compare", help="Show the period before beside it.")] = False,
    exact: Annotated[bool, typer.Option("--exact", help="Read events where an aggregate is only near.")] = False,
    form: Form = Format.CSV,
    out: Out = "",
    as_json: AsJson = False,
) -> None:
    """Export all answers about metrics of one group: money, or other numbers.

    The audit log has it; while PostgreSQL is away, it is refused.
    """
    once = {"from": begin, "to": end, "zone": zone, "granularity": granularity.value, "format": form.value}
    once |= {"compare": "previous" if compare else "", "exact": "true" if exact else ""}
    words = _words(once, metric=metric or (), by=by or (), where=where or ())
    _export(refusing(lambda: ordering.of_metrics(ordering.group_of(group), words)), out, as_json)


@app.command()
def analytics(
    what: Annotated[str, typer.Argument(metavar="KIND", help=f"Kind of question: {', '.join(KINDS)}.")],
    question: Annotated[
        str, typer.Argument(metavar="FILE", help="The question as JSON, as docs/analytics.md says; -: standard input.")
    ] = STDIN,
    form: Form = Format.CSV,
    out: Out = "",
    as_json: AsJson = False,
) -> None:
    """Export the answer to a question of product analytics, which may cost what a job may.

    The audit log has it; while PostgreSQL is away, it is refused.
    """
    text = given(question, "the question")
    _export(refusing(lambda: ordering.of_analytics(what, text, form.value)), out, as_json)


@app.command()
def run() -> None:
    """Make the exports that were ordered over HTTP, and remove the files whose time has come.

    The job `exports` does this whenever one is ordered, and once an hour. Only one process is at it at a time.
    """
    settings = load()

    async def work() -> str:
        engine = connect_metadata(settings)
        try:
            return await Maker(settings, engine).run()
        finally:
            await engine.dispose()

    typer.echo(asyncio.run(work()))


def _words(once: dict[str, str], **often: Sequence[str]) -> QueryParams:
    many = [(name, value) for name, values in often.items() for value in values]
    return QueryParams([*((name, value) for name, value in once.items() if value), *many])


def _export(wanted: Order, out: str, as_json: bool) -> None:
    target = out or wanted.name
    made = refusing(lambda: asyncio.run(_recorded(load(), wanted, target)))
    shown = target.partition("?")[0] if _SCHEME in target else target
    if as_json:
        terminal.json({"file": shown, "rows": made.rows, "bytes": made.bytes})
    else:
        typer.echo(f"{shown}: {made.rows:,} rows, {made.bytes:,} bytes")


async def _recorded(settings: Settings, wanted: Order, target: str) -> Made:
    engine = connect_metadata(settings)
    entry = Entry(terminal.operator(), Action.EXPORT, wanted.subject, wanted.facts)
    try:
        async with Audit(engine, settings).act(entry) as act:
            made = await (_sent if _SCHEME in target else _written)(settings, wanted, target)
            act.figures.update(rows=made.rows, bytes=made.bytes)
        return made
    finally:
        await engine.dispose()


async def _sent(settings: Settings, wanted: Order, target: str) -> Made:
    """The object, once the file is whole here. Raises ConfigurationError for an address that is none."""
    parts = urlsplit(target)
    folder, _, name = parts.path.rpartition("/")
    if not name:
        raise ConfigurationError(f"--out {target}: end it with the name of a file, such as {wanted.name}")
    store = Store(parts._replace(path=folder).geturl(), "--out")
    with tempfile.NamedTemporaryFile(prefix="export-") as file:
        made = await made_into(settings, wanted, cast(BinaryIO, file))
        file.flush()
        await asyncio.to_thread(store.send, file.name, name)
    return made


async def _written(settings: Settings, wanted: Order, target: str) -> Made:
    """The file, under its name once it is whole."""
    path = Path(target)
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            made = await made_into(settings, wanted, cast(BinaryIO, file))
        os.replace(part, path)
    except BaseException:
        os.unlink(part)
        raise
    return made
