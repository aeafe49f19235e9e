"""The terminal view of `millrace up`: what runs where, how fast, and what became of the events."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from deploy.local.totals import Totals
from deploy.local.worker import Reading

COLOURS = {"up": "green", "running": "green", "closed": "green", "restarting": "yellow", "starting": "yellow"}


@dataclass
class Picture:
    """What is shown at one moment."""

    parts: list[tuple[str, str, str]] = field(default_factory=list)
    """Name, state, URL without its password."""
    producers: list[tuple[str, str]] = field(default_factory=list)
    """Domain, and what is being sent of it."""
    reading: Reading = field(default_factory=Reading)
    totals: Totals = field(default_factory=Totals)
    rate: float = 0.0
    """Events a second that became queryable, over the last seconds."""
    seconds: float = 0.0
    """Since the start."""
    note: str = ""


def seconds_text(value: float | None) -> str:
    """A duration for people."""
    return "-" if value is None else f"{value:.2f} s"


def counts(title: str, items: Iterable[tuple[str, int]]) -> Table:
    """A table of names and numbers."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, show_header=False)
    table.add_column(min_width=18)
    table.add_column(justify="right", min_width=10)
    for name, count in items:
        table.add_row(name, f"{count:,}")
    return table


def parts_table(picture: Picture) -> Table:
    """What runs, in which state, at which address."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, state, url in picture.parts:
        table.add_row(name, Text(state, style=COLOURS.get(state, "red")), url)
    for domain, title in picture.producers:
        table.add_row(f"producer {domain}", "", title)
    return table


def draw(picture: Picture) -> RenderableType:
    """The whole view."""
    reading, totals = picture.reading, picture.totals
    head = Text.assemble(
        (f"{picture.rate:,.0f}", "bold"), " events/s   lag ", (f"{reading.lag:,}", "bold"),
        "   freshness p95 ", (seconds_text(reading.freshness_p95), "bold"),
        f"   delivered {reading.events:,}   running {picture.seconds:.0f} s",
    )  # fmt: skip
    columns = Table.grid(padding=(0, 6))
    letters = totals.dead_letters.most_common() or [("none", 0)]
    columns.add_row(counts("Rows", totals.rows.items()), counts("Dead letters", letters))
    note = Text(picture.note, style="dim")
    return Panel(Group(head, Text(), columns, Text(), parts_table(picture), note), title="millrace", title_align="left")


def line(picture: Picture) -> str:
    """The view in one line, where there is no terminal."""
    rows = " ".join(f"{name}={count}" for name, count in picture.totals.rows.items() if count)
    return (
        f"{picture.seconds:.0f} s: {picture.rate:,.0f} events/s, lag {picture.reading.lag}, freshness p95 "
        f"{seconds_text(picture.reading.freshness_p95)}, dead letters {picture.totals.dead_letters.total()}, {rows}"
    )
