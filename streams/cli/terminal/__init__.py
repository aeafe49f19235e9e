"""What commands print: JSON for programs on stdout, tables for people, progress on stderr."""

import getpass
import os
import re
import socket
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from streams.errors import ConfigurationError

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def json(value: Any) -> None:
    """Print one JSON document; times in RFC 3339."""
    typer.echo(msgspec.json.format(msgspec.json.encode(value, enc_hook=str)).decode())


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str = "") -> None:
    """Print a table; numbers to the right. Where stdout is no terminal, nothing is cut off."""
    made = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    cells = [list(row) for row in rows]
    for number, name in enumerate(columns):
        numeric = bool(cells) and all(isinstance(row[number], int) for row in cells)
        made.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in cells:
        made.add_row(*(escape(words(cell)) for cell in row))
    console = Console() if sys.stdout.isatty() else Console(width=240)
    console.print(made)


def words(value: Any) -> str:
    """One value as people read it; control characters are shown, never obeyed."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def moment(text: str | None, option: str) -> datetime | None:
    """A time given as RFC 3339 with a zone, or as an age such as `90m`, `2h`, `7d`. Raises ConfigurationError."""
    if text is None:
        return None
    if age := re.fullmatch(r"(\d+)([smhdw])", text.strip()):
        return datetime.now(UTC) - timedelta(**{UNITS[age[2]]: int(age[1])})
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ConfigurationError(
            f"{option} {text}: give a time with its zone, such as 2026-01-31T12:00:00Z, or an age such as 90m, 2h, 7d"
        )
    return found


def operator() -> str:
    """Who is at work, for the audit: the user of the operating system, and the machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def is_interactive() -> bool:
    """Whether a person can answer a question."""
    return sys.stdin.isatty() and sys.stderr.isatty()
