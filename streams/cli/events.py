"""`millrace events`: list and show the events, write their schemas and documents, tell what changed."""

import importlib.metadata
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from clickhouse.columns import FAMILIES, RAW, Raw, alterations
from streams.errors import ConfigurationError
from streams.events import EventSpec, registry
from streams.events.columns import Column, merged, sentence
from streams.events.compare import differences
from streams.events.reference import kind_of, reference
from streams.events.schema import asyncapi, dumps, event_schema, example, schema_text, sentences
from streams.events.shape import shape_of
from streams.unknown import nearest

app = typer.Typer(help="The events: what they carry, where they flow, what changed.", no_args_is_help=True)

SCHEMAS = Path("docs/schemas")

Type = Annotated[str, typer.Argument(help="Type of the event, such as `booking.created`.")]
Folder = Annotated[Path, typer.Option("--schemas", help="Folder of the checked-in schemas.")]


def event_of(name: str) -> EventSpec:
    """The declared event of this type; a usage error if there is none."""
    spec = registry.events.get(name)
    if spec is None:
        near = nearest(name, registry.events)
        meant = f"; did you mean {' or '.join(near)}?" if near else ""
        raise typer.BadParameter(f"no event of type {name!r} is declared{meant} See `millrace events list`")
    return spec


@app.command("list")
def list_events(
    domain: Annotated[str | None, typer.Option(help="Only this domain.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON for each event.")] = False,
) -> None:
    """List every event with its topic; `--json` adds key and table."""
    if domain is not None and domain not in registry.domains:
        raise typer.BadParameter(f"no domain {domain!r}; choose one of {', '.join(registry.domains)}")
    specs = [spec for spec in registry.events.values() if domain in (None, spec.domain.name)]
    if as_json:
        for spec in specs:
            row = {"type": spec.name, "version": spec.version, "topic": spec.topic, "key": list(spec.keys)}
            typer.echo(json.dumps(row | {"domain": spec.domain.name, "table": spec.domain.raw_table}))
        return
    table = Table(box=None)
    table.add_column("type", no_wrap=True)
    table.add_column("topic", no_wrap=True)
    table.add_column("what happened")
    for spec in specs:
        table.add_row(spec.name, spec.topic, spec.doc.split("\n")[0])
    Console().print(table)


@app.command()
def show(name: Type) -> None:
    """Show one event: fields, columns, rules and an example."""
    spec = event_of(name)
    console = Console()
    console.print(f"[bold]{spec.name}[/bold] v{spec.version}  {spec.doc}", highlight=False)
    console.print(f"topic {spec.topic}, key {' else '.join(spec.keys)}, table {spec.domain.raw_table}", highlight=False)
    columns = {column.name: column.clickhouse_type for column in spec.columns}
    table = Table("field", "type", "column", "meaning")
    for field, info in spec.fields.items():
        shape = shape_of(info)
        stored = columns.get(field, f"{field}_*" if field in spec.positions else "none")
        words = kind_of(shape).replace("`", "").removesuffix("(#position)").strip("[]")
        table.add_row(field + ("?" if shape.optional else ""), words, stored, sentence(info, field))
    console.print(table)
    for rule in sentences(spec.model):
        console.print(f"- {rule}", highlight=False)
    typer.echo(json.dumps(example(spec), indent=2, ensure_ascii=False))


@app.command()
def schema(
    name: Annotated[str | None, typer.Argument(help="Type of the event; left out: all of them.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Write into the folder instead of printing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write although a change breaks producers.")] = False,
    folder: Folder = SCHEMAS,
) -> None:
    """Print the JSON Schema of an event, or write the checked-in schemas again if no change breaks producers."""
    specs = [event_of(name)] if name else list(registry.events.values())
    if not write:
        shown: Any = event_schema(specs[0]) if name else {spec.name: event_schema(spec) for spec in specs}
        typer.echo(dumps(shown), nl=False)
        return
    found = differences(checked_in(folder), registry)
    if not force and (broken := sorted({difference.event for difference in found if difference.breaking})):
        raise ConfigurationError(
            f"the changes of {', '.join(broken)} break producers (see `millrace events diff`); raise `version` of the "
            "class, or write with --force if nobody sends it yet"
        )
    folder.mkdir(parents=True, exist_ok=True)
    for spec in specs:
        (folder / f"{spec.schema_name}.json").write_text(schema_text(spec))
    typer.echo(f"wrote {len(specs)} schemas into {folder}")


@app.command()
def docs(
    asynchronous: Annotated[bool, typer.Option("--asyncapi", help="The AsyncAPI document instead.")] = False,
) -> None:
    """Print the reference of all events, or the AsyncAPI 3 document; `millrace docs` writes both."""
    typer.echo(asyncapi_document() if asynchronous else reference_document(), nl=False)


@app.command()
def diff(folder: Folder = SCHEMAS) -> None:
    """Compare the classes with the checked-in schemas, and propose the ALTERs; exit code 1 if a change breaks."""
    old = checked_in(folder)
    found = differences(old, registry)
    for difference in found:
        word, color = ("BREAKS", typer.colors.RED) if difference.breaking else ("fits", None)
        typer.secho(f"{word:<7}{difference.event}: {difference.text}", fg=color)
    if not found:
        typer.echo("no event has changed")
    if statements := proposals(old):
        typer.echo("\n-- For the next file of clickhouse/migrations; read it first. Views change with their tables.")
        typer.echo("\n".join(f"{statement};" for statement in statements))
    if any(difference.breaking for difference in found):
        raise ConfigurationError("a change breaks producers; make it compatible, or raise `version` of the class")


def checked_in(folder: Path) -> dict[str, Any]:
    """The newest checked-in schema of each type. Raises ConfigurationError if there is none at all."""
    found: dict[str, tuple[int, Any]] = {}
    for path in folder.glob("*.v*.json"):
        name, _, version = path.stem.rpartition(".v")
        if name not in found or found[name][0] < int(version):
            found[name] = (int(version), json.loads(path.read_text()))
    if not found and folder != SCHEMAS:
        raise ConfigurationError(f"{folder} holds no schemas; name the folder of the checked-in ones with --schemas")
    return {name: schema for name, (_, schema) in found.items()}


def proposals(old: dict[str, Any]) -> list[str]:
    """The ALTERs that bring tables made for the old schemas to the classes of today."""
    found: list[str] = []
    for table in (*RAW, *FAMILIES):
        specs = registry.of(table.domain) if isinstance(table, Raw) else table.specs
        payload = {column.name for column in registry.columns(specs)}
        had = merged(
            (spec.name, Column(kind, name))
            for spec in specs
            for name, kind in old.get(spec.name, {"x-clickhouse": {"columns": {}}})["x-clickhouse"]["columns"].items()
        )
        have = {column.name: column.clickhouse_type for column in table.columns if column.name not in payload}
        have |= {column.name: column.clickhouse_type for column in had}
        found.extend(alterations(table.name, have))
    return found


def reference_document() -> str:
    """The text of docs/EVENT_SCHEMAS.md."""
    return reference(registry)


def asyncapi_document() -> str:
    """The text of docs/asyncapi.json."""
    return dumps(asyncapi(registry, importlib.metadata.version("millrace")))
