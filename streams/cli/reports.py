"""`millrace reports`: configures reports, makes and sends them, and tells what was made."""

import asyncio
import json
import tomllib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from agents.webhook import Webhook
from api.reports import compliance as acts_of
from api.reports import content, mail, make, place
from api.reports.content import Config, Delivery, Section
from api.reports.make import NAME, Report
from api.reports.place import Place
from metadata.audit import Action, Audit, Entry
from metadata.models import ReportConfig
from metadata.reports import Reports, Wanted
from metadata.session import connect
from streams.cli import terminal
from streams.cli.terminal.refusing import refusing
from streams.errors import ConfigurationError, MillraceError
from streams.settings import Settings, load

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, help="Configure reports, make and send them.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="As `millrace reports list` shows it.")]


class Kept(NamedTuple):
    """What commands work with."""

    settings: Settings
    engine: AsyncEngine
    reports: Reports


@app.callback()
def reports() -> None:
    """Configure reports, make and send them."""


@app.command("set")
def set_(
    name: Annotated[str, typer.Argument(help="Small letters, digits, - and _; an existing report is replaced.")],
    file: Annotated[Path, typer.Argument(help="TOML or JSON that says what it shows; docs/reports.md has examples.")],
) -> None:
    """Configure a report, and have the scheduler make it where the file has a cron expression."""
    if NAME.fullmatch(name) is None:
        raise ConfigurationError(f"{name!r} is no name for a report: take small letters, digits, - and _, 64 at most")
    config = refusing(lambda: content.read(_words(file), datetime.now(UTC)))
    wanted = _wanted(name, config)
    by = terminal.operator()

    async def work(kept: Kept) -> None:
        _sendable(kept.settings, config.delivery)
        Place(kept.settings)
        await kept.reports.put(wanted, by, datetime.now(UTC))

    _with(work)
    when = f"made at '{config.cron}' in {config.zone}" if config.cron else f"made by `millrace reports run {name}`"
    typer.echo(f"report {name}: {when}")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List every report: what it shows, where it goes, the job that makes it."""
    found = _with(lambda kept: kept.reports.all())
    if as_json:
        terminal.json([_facts(report) for report in found])
        return
    rows = [[r.name, r.title, ", ".join(_shows(r)), r.format, ", ".join(_goes(r)), r.job] for r in found]
    terminal.table(["report", "title", "shows", "format", "sent by", "job"], rows)


@app.command()
def show(
    name: Name, limit: Annotated[int, typer.Option(min=1, help="Executions, the newest.")] = 10, as_json: AsJson = False
) -> None:
    """Show one report, and what was made of it."""

    async def work(kept: Kept) -> tuple[ReportConfig, list[Any]]:
        report = await kept.reports.find(name)
        return report, await kept.reports.executions(report, limit)

    report, made = _with(work)
    names = ("id", "state", "asked_by", "file", "bytes", "started_at", "ended_at", "error")
    lines = [{word: getattr(each, word) for word in names} for each in made]
    if as_json:
        terminal.json(_facts(report) | {"executions": lines})
        return
    for label, value in _facts(report).items():
        typer.echo(f"{label.replace('_', ' '):12} {terminal.words(value)}")
    terminal.table(names, [[*line.values()] for line in lines])


@app.command()
def run(name: Name, as_json: AsJson = False) -> None:
    """Make a report now, write it into REPORT_DIR and send it; the audit log and `reports show` have it.

    If it cannot be sent, its file is there all the same, and the exit code is 1; the scheduler then tries again.
    """
    by = terminal.operator()
    made = refusing(lambda: _with(lambda kept: _run(kept, name, by)))
    if as_json:
        terminal.json({"file": made.file, "id": made.id})
    else:
        typer.echo(made.file)


@app.command()
def remove(name: Name) -> None:
    """Remove a report and its job; the files that were made of it stay."""
    by = terminal.operator()
    _with(lambda kept: kept.reports.remove(name, by))
    typer.echo(f"report {name} is removed")


@app.command()
def compliance(
    begin: Annotated[str, typer.Option("--from", help="RFC 3339, a day, or an age such as 30d.")] = "30d",
    end: Annotated[str, typer.Option("--to", help="Written like --from; not part of the range. Without it: now.")] = "",
    zone: Annotated[str, typer.Option(help="IANA zone of days.")] = "UTC",
    out: Annotated[Path, typer.Option(help="File to write; a PDF where it ends with .pdf.")] = Path("compliance.html"),
    as_json: AsJson = False,
) -> None:
    """Tell who saw, exported, erased, replayed and changed what in a period, from the audit log, as one file."""
    section = Section.model_validate({"compliance": True, "from": begin, "to": end, "zone": zone})
    now = datetime.now(UTC)
    if as_json:
        found = refusing(lambda: _with(lambda kept: make.acts(kept.settings, kept.engine, section, now)))
        terminal.json(acts_of.facts(found))
        return
    entry = Entry(terminal.operator(), Action.REPORT_MAKE, "compliance", {"from": begin, "to": end})

    async def work(kept: Kept) -> None:
        async with Audit(kept.engine, kept.settings).act(entry) as act:
            html = await make.made(kept.settings, kept.engine, "Compliance report", [section], now)
            body = await make.drawn(kept.settings, html) if out.suffix == ".pdf" else html.encode()
            place.written(out.parent, out.name, body)
            act.figures["bytes"] = len(body)

    refusing(lambda: _with(work))
    typer.echo(str(out))


async def _run(kept: Kept, name: str, by: str) -> Report:
    """1. say so in the audit log; 2. make it; 3. write its file; 4. send it; 5. say how it ended."""
    settings, report, now = kept.settings, await kept.reports.find(name), datetime.now(UTC)
    sections, delivery = make.sections_of(report.content), Delivery.model_validate(report.delivery)
    how = {
        "shows": content.names(sections),
        "format": report.format,
        "mail": len(delivery.mail),
        "webhook": delivery.webhook,
    }
    async with Audit(kept.engine, settings).act(Entry(by, Action.REPORT_MAKE, name, how)) as act:
        number = await kept.reports.begin(report, by, now)
        file, size = None, None
        try:
            html = await make.made(settings, kept.engine, report.title, sections, now)
            drawn = await make.drawn(settings, html) if report.format == "pdf" else None
            title = f"{name}-{now:%Y%m%dT%H%M%S}-{number}.{report.format}"
            made = Report(f"{name}/{number}", name, report.title, now, title, html, drawn)
            file, size = await asyncio.to_thread(Place(settings).put, title, made.content), len(made.content)
            made = made._replace(file=file)
            await _send(settings, delivery, made)
        except BaseException as error:
            why = str(error) or type(error).__name__
            await kept.reports.end(number, datetime.now(UTC), file=file, size=size, error=why)
            raise
        await kept.reports.end(number, datetime.now(UTC), file=file, size=size, error=None)
        act.figures.update(execution=number, bytes=size)
    return made


async def _send(settings: Settings, delivery: Delivery, made: Report) -> None:
    """To all that it goes to, although one of them cannot be reached. Raises the first error."""
    errors: list[MillraceError] = []
    for send in (_mail, _post):
        try:
            await send(settings, delivery, made)
        except MillraceError as error:
            errors.append(error)
    if errors:
        raise errors[0]


async def _mail(settings: Settings, delivery: Delivery, made: Report) -> None:
    if not delivery.mail:
        return
    _sendable(settings, delivery)
    assert settings.smtp_url is not None
    made_mail = mail.message(settings.report_mail_from, delivery.mail, made.title, made.content, Path(made.file).name)
    await asyncio.to_thread(mail.send, settings.smtp_url.get_secret_value(), made_mail)


async def _post(settings: Settings, delivery: Delivery, made: Report) -> None:
    if not delivery.webhook:
        return
    _sendable(settings, delivery)
    assert settings.report_webhook_url is not None
    assert settings.report_webhook_secret is not None
    webhook = Webhook(
        settings.report_webhook_url.get_secret_value(),
        settings.report_webhook_secret.get_secret_value(),
        allow_internal=settings.report_webhook_allow_internal,
        setting="REPORT_WEBHOOK",
    )
    try:
        await webhook.send(made)
    finally:
        await webhook.close()


def _sendable(settings: Settings, delivery: Delivery) -> None:
    """Raises ConfigurationError where a setting is missing by which a report is to be sent."""
    if delivery.mail and settings.smtp_url is None:
        raise ConfigurationError("the report is to be mailed, and SMTP_URL is not set; set it to smtp://host:587")
    if delivery.webhook and (settings.report_webhook_url is None or settings.report_webhook_secret is None):
        raise ConfigurationError(
            "the report is to be posted, and REPORT_WEBHOOK_URL and REPORT_WEBHOOK_SECRET are not both set"
        )


def _with(work: Callable[[Kept], Awaitable[T]]) -> T:
    async def with_tables() -> T:
        settings = load()
        engine = connect(settings)
        try:
            return await work(Kept(settings, engine, Reports(engine, settings)))
        finally:
            await engine.dispose()

    return asyncio.run(with_tables())


def _words(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
        found = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{file} cannot be read as {'JSON' if file.suffix == '.json' else 'TOML'}: {error}"
        ) from None
    if not isinstance(found, dict):
        raise ConfigurationError(f"{file} holds no object; docs/reports.md has examples")
    return found


def _wanted(name: str, config: Config) -> Wanted:
    sections = [section.model_dump(by_alias=True) for section in config.sections]
    return Wanted(
        name,
        config.title,
        {"sections": sections},
        config.format,
        config.delivery.model_dump(),
        config.cron,
        config.zone,
    )


def _facts(report: ReportConfig) -> dict[str, Any]:
    names = ("name", "title", "content", "format", "delivery", "job", "created_by", "created_at", "changed_at")
    return {name: getattr(report, name) for name in names}


def _shows(report: ReportConfig) -> list[str]:
    return content.names(make.sections_of(report.content))


def _goes(report: ReportConfig) -> list[str]:
    delivery = Delivery.model_validate(report.delivery)
    return [*(["mail"] if delivery.mail else []), *(["webhook"] if delivery.webhook else [])] or ["folder"]
