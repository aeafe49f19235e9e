"""`millrace docs`: writes every generated document again, or says which of them is out of date."""

import importlib
from pathlib import Path
from typing import Annotated, Any

import click
import typer

from streams.errors import ConfigurationError

# Document: the function (module:name, no arguments) that returns its text.
GENERATED: dict[str, str] = {
    "docs/settings.md": "streams.cli.settings:reference",
    ".env.example": "streams.cli.settings:env_example",
    "docs/EVENT_SCHEMAS.md": "streams.cli.events:reference_document",
    "docs/asyncapi.json": "streams.cli.events:asyncapi_document",
    "clickhouse/cluster.sql": "streams.cli.migrate:cluster_form",
    "deploy/clickhouse/users.d/roles.xml": "clickhouse.access:roles_file",
    "deploy/clickhouse/users.d/users.xml": "clickhouse.access:users_file",
    "docs/metrics.md": "streams.metrics:reference",
    "docs/commands.md": "streams.cli.docs:commands",
    "docs/METRICS_CATALOG.md": "clickhouse.metrics.document:text",
    "docs/reference/clickhouse.md": "clickhouse.reference:reference",
    "docs/API.md": "api.reference:reference",
}


def text_of(document: str) -> str:
    """The text that a document of `GENERATED` must have now."""
    module, _, function = GENERATED[document].partition(":")
    text: str = getattr(importlib.import_module(module), function)()
    return text


def option_line(parameter: Any) -> str:
    """One line of a command's table: how it is written, its default and its help."""
    names = ", ".join([*parameter.opts, *parameter.secondary_opts])
    if isinstance(parameter, click.Argument):
        names = parameter.human_readable_name
    help_text = getattr(parameter, "help", None) or ""
    default = parameter.default
    shown = "" if default is None or default is False or callable(default) or default == () else f"`{default}`"
    if parameter.required:
        shown = "required"
    return f"| `{names}` | {shown} | {' '.join(help_text.split())} |"


def describe(path: str, command: Any) -> list[str]:
    """The section of one command and of those below it."""
    lines = [f"## {path}", "", " ".join((command.help or "").split()), ""]
    parameters = [p for p in command.params if "--help" not in p.opts]
    if parameters:
        lines += ["| option | default | meaning |", "|---|---|---|", *map(option_line, parameters), ""]
    for name, below in getattr(command, "commands", {}).items():
        lines += describe(f"{path} {name}", below)
    return lines


def commands() -> str:
    """The text of docs/commands.md, from the commands themselves."""
    from streams import cli

    lines = ["<!-- Written by `make docs` from streams/cli. -->", "# Commands", ""]
    lines += [
        "`millrace COMMAND --help` shows the same. Exit codes: 0 done, 1 refused with a message, 2 wrong usage.",
        "",
    ]
    for name in cli.COMMANDS:
        lines += describe(f"millrace {name}", cli.load_command(name))
    return "\n".join(lines).rstrip() + "\n"


def docs(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail where a document is out of date.")
    ] = False,
) -> None:
    """Write the generated documents again, into the working directory."""
    stale = [d for d in GENERATED if not Path(d).is_file() or Path(d).read_text() != text_of(d)]
    if check and stale:
        raise ConfigurationError(f"Out of date: {', '.join(stale)}. Run `make docs` and commit the result.")
    for document in stale:
        Path(document).parent.mkdir(parents=True, exist_ok=True)
        Path(document).write_text(text_of(document))
        typer.echo(f"wrote {document}")
