"""`millrace metrics`: the catalogue of metrics, and questions to it."""

import asyncio
from datetime import datetime
from typing import Annotated, Any

import typer

from clickhouse.client import connect
from clickhouse.metrics import catalogue, shown
from clickhouse.metrics.answer import Answer, answer
from clickhouse.metrics.periods import Granularity
from clickhouse.metrics.question import USUAL_ROWS, Question, ask
from streams.cli import terminal
from streams.cli.terminal.refusing import refusing
from streams.errors import ConfigurationError
from streams.settings import load

app = typer.Typer(no_args_is_help=True, help="List the metrics, explain one, or ask for its numbers.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="As `millrace metrics list` shows it; the domain may be left out.")]


@app.callback()
def metrics() -> None:
    """List the metrics, explain one, or ask for its numbers."""


@app.command("list")
def list_metrics(
    domain: Annotated[str, typer.Option(help="Only those of this domain.")] = "",
    group: Annotated[str, typer.Option(help="Only those that this address of the API answers, such as payments.")] = "",
    as_json: Json = False,
) -> None:
    """List every metric: its unit, its dimensions and what it is."""
    for option, given, known in (("--domain", domain, _domains()), ("--group", group, catalogue.GROUPS)):
        if given and given not in known:
            raise ConfigurationError(f"{option} {given!r} is unknown; choose of {', '.join(known)}")
    found = [
        metric
        for metric in catalogue.METRICS
        if domain in ("", metric.domain.name) and (not group or group in metric.groups)
    ]
    if as_json:
        terminal.json([shown.declaration(metric) for metric in found])
        return
    rows = [(m.name, m.unit, ", ".join(m.dimensions), m.sentence) for m in found]
    terminal.table(("metric", "unit", "by", "what it is"), rows)


@app.command()
def show(name: Name, as_json: Json = False) -> None:
    """Explain one metric: its formula, and the tables that it can be read from, the smallest first."""
    metric = refusing(lambda: catalogue.find(name))
    if as_json:
        terminal.json(shown.declaration(metric))
        return
    typer.echo(f"{metric.name}: {metric.sentence}\n  formula  {metric.formula}\n  unit     {metric.unit}")
    typer.echo(f"  by       {', '.join(metric.dimensions) or 'nothing'}")
    typer.echo(f"  API      {', '.join(f'GET /v1/metrics/{group}' for group in metric.groups)}\n")
    rows = [
        (
            reading.source.table,
            f"{reading.source.minutes} minutes" if reading.source.minutes else "one event",
            "exact" if reading.is_exact else "near",
            ", ".join(each for each in metric.dimensions if each in reading.source.dimensions),
        )
        for reading in metric.readings
    ]
    terminal.table(("from", "grain", "exact", "knows"), rows)


@app.command()
def query(
    name: Name,
    begin: Annotated[
        str,
        typer.Option(
            "--from", help="RFC 3339, a day of the zone, or an age such as 24h or 7d; without it, seven days and today."
        ),
    ] = "",
    end: Annotated[str, typer.Option("--to", help="Written like --from; not part of the range. Without it: now.")] = "",
    granularity: Annotated[Granularity, typer.Option(help="Length of the periods.")] = Granularity.TOTAL,
    zone: Annotated[str, typer.Option(help="IANA zone of hours and days; without it, that of the domain.")] = "",
    by: Annotated[list[str] | None, typer.Option(help="A dimension to group by, again for more.")] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(help="dimension:value to keep, again for more; value* is a prefix."),
    ] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Read events where an aggregate is only near.")] = False,
    compare: Annotated[bool, typer.Option("--compare", help="Show the period before beside it.")] = False,
    limit: Annotated[int, typer.Option(help="Rows at most.")] = USUAL_ROWS,
    as_json: Json = False,
) -> None:
    """Ask for the numbers of one metric."""
    metric = refusing(lambda: catalogue.find(name))
    question = refusing(
        lambda: ask(
            metric,
            begin=begin,
            end=end,
            zone=zone,
            granularity=granularity,
            by=by or (),
            where=where or (),
            exact=exact,
            limit=limit,
        )
    )
    found = refusing(lambda: asyncio.run(_answer(question, compare)))
    if as_json:
        terminal.json(shown.answer(found))
    else:
        _print(found, compare)


async def _answer(question: Question, compare: bool) -> Answer:
    client = await connect(load(), reading=True)
    try:
        return await answer(client, question, compare=compare)
    finally:
        await client.close()


def _print(found: Answer, compare: bool) -> None:
    question = found.question
    is_total = question.granularity is Granularity.TOTAL
    columns = [*([] if is_total else ["period"]), *question.keys, question.metric.short]
    rows: list[list[Any]] = []
    for row in found.rows:
        line = [*([] if is_total else [_period(row.start)]), *row.key.values(), shown.plain(row.value)]
        rows.append([*line, *([shown.plain(row.previous)] if compare else [])])
    terminal.table([*columns, *(["before"] if compare else [])], rows)
    begin, end = (at.astimezone(question.zone) for at in (question.begin, question.end))
    how = "exact" if found.reading.is_exact else "near"
    as_of = f"as of {terminal.words(found.as_of)} UTC" if found.as_of else "nothing was delivered yet"
    typer.echo(
        f"{begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} {question.zone.key}; {question.metric.unit}, {how}, from "
        f"{found.reading.source.table}; {as_of}" + ("; there are more rows: raise --limit" if found.has_more else ""),
        err=True,
    )


def _period(start: datetime) -> str:
    return start.isoformat(sep=" ", timespec="minutes")


def _domains() -> tuple[str, ...]:
    return tuple(dict.fromkeys(metric.domain.name for metric in catalogue.METRICS))
