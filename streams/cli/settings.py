"""`millrace settings`: the settings in force, and the reference and the example file made from their class."""

import inspect
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import typer
from pydantic import SecretStr

from streams.addresses import without_password
from streams.settings import Settings, load

app = typer.Typer(no_args_is_help=True, help="Show the settings in force.")

UNITS = {"_seconds": "seconds", "_bytes": "bytes", "_days": "days", "_rows": "rows", "_records": "records"}
UNITS |= {"_events": "events", "_port": "TCP port", "_rate": "share, 0 to 1", "_level": "", "_url": "URL"}
HEAD = "<!-- Written by `make docs` from streams/settings.py; edit the class, not this page. -->"


class Row(NamedTuple):
    """One setting as the reference shows it."""

    section: str
    name: str
    default: str
    unit: str
    sentence: str


def sections() -> dict[str, str]:
    """The heading of every field: the comment line above its group in the class."""
    found, heading = {}, ""
    for line in inspect.getsource(Settings).splitlines():
        if comment := re.match(r"    # (.+)", line):
            heading = comment[1]
        elif field := re.match(r"    (\w+):", line):
            found[field[1]] = heading
    return found


def shown(value: Any) -> str:
    """A value as it would stand in `.env`; empty where nothing is set."""
    return "" if value is None else str(value)


def unit_of(name: str, annotation: Any) -> str:
    """The unit of a field, from its name's ending, else its type in words."""
    for ending, unit in UNITS.items():
        if name.endswith(ending) and unit:
            return unit
    choices = [str(c) for c in getattr(annotation, "__args__", ()) if isinstance(c, str)]
    if choices:
        return " or ".join(f"`{choice}`" for choice in choices)
    return {bool: "true or false", int: "count", float: "number"}.get(annotation, "text")


def rows() -> Iterator[Row]:
    """Every setting in the order of the class."""
    heading = sections()
    for name, field in Settings.model_fields.items():
        default = shown(field.default)
        yield Row(
            heading[name],
            name.upper(),
            default,
            unit_of(name, field.annotation),
            " ".join((field.description or "").split()),
        )


def reference() -> str:
    """The text of docs/settings.md."""
    lines = [HEAD, "# Settings", ""]
    lines += ["Each is an environment variable or a line of `.env` in the working directory; the environment wins."]
    lines += ["A part whose URL is unset is found in the embedded stack of `millrace up`, where one is running."]
    lines += ["A name that is one of these but for a letter is ignored, and told on stderr with the one that is meant."]
    last = ""
    for row in rows():
        if row.section != last:
            lines += ["", f"## {row.section}", "", "| setting | default | unit | meaning |", "|---|---|---|---|"]
            last = row.section
        default = f"`{row.default}`" if row.default else "unset"
        lines.append(f"| `{row.name}` | {default} | {row.unit} | {row.sentence} |")
    return "\n".join(lines) + "\n"


def env_example() -> str:
    """The text of .env.example: every setting with its default, commented out."""
    lines = ["# Copy to .env and change what you need. Every line shows the default. Written by `make docs`."]
    last = ""
    for row in rows():
        if row.section != last:
            lines += ["", f"## {row.section}"]
            last = row.section
        lines += [f"# {row.sentence.replace('`', '')}", f"#{row.name}={row.default}"]
    return "\n".join(lines) + "\n"


@app.callback()
def settings() -> None:
    """Show the settings in force."""


@app.command("list")
def list_settings(
    changed: bool = typer.Option(False, "--changed", help="Only those that differ from their default."),
) -> None:
    """Print every setting as NAME=value, with secrets and passwords left out."""
    current = load()
    for name, field in Settings.model_fields.items():
        value = getattr(current, name)
        if changed and value == field.default:
            continue
        text = "***" if isinstance(value, SecretStr) else without_password(shown(value))
        typer.echo(f"{name.upper()}={text}")
