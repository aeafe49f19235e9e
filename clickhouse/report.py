"""What `millrace clickhouse setup` did and found: for people as Markdown, for programs as one JSON document."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from clickhouse.health import Check, Status

_COUNTED = ("rows", "bytes", "parts")
SIGNS = {Status.OK: "ok", Status.WARNING: "**warning**", Status.FAILED: "**FAILED**"}


@dataclass(slots=True)
class Server:
    """One ClickHouse: what was looked at there, and what stands there."""

    address: str
    """Host and port, without user and password."""
    checks: list[Check] = field(default_factory=list)
    drift: list[str] = field(default_factory=list)
    tables: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Sample:
    """Generated events that were sent through Kafka, and what became of them."""

    sent: int
    expected: int
    """Rows that they must make: what sampling drops is left out."""
    arrived: int
    seconds: float
    """From the last acknowledgement until all had arrived, or it was given up."""


@dataclass(slots=True)
class Report:
    """The whole setup."""

    at: datetime
    database: str
    cluster: str | None
    statements: int
    """Executed by this setup; 0: all was there."""
    servers: list[Server]
    sample: Sample | None = None
    sample_note: str = ""
    """Why no sample was sent, where one was asked for."""

    @property
    def faults(self) -> list[str]:
        """What has to be mended, in words; empty if all is well."""
        found = []
        for server in self.servers:
            found += [f"{server.address}: {line}" for line in server.drift]
            found += [f"{server.address}: {c.name}: {c.detail}" for c in server.checks if c.status is Status.FAILED]
        if self.sample_note:
            found.append(self.sample_note)
        if self.sample is not None and self.sample.arrived != self.sample.expected:
            found.append(f"{self.sample.arrived} of {self.sample.expected} rows of the sample have arrived")
        return found


def facts(report: Report) -> dict[str, Any]:
    """The report as plain data."""
    return {
        "ok": not report.faults,
        "faults": report.faults,
        "at": report.at.isoformat(),
        "database": report.database,
        "cluster": report.cluster,
        "statements_executed": report.statements,
        "servers": [
            {
                "address": server.address,
                "checks": [
                    {"name": c.name, "status": str(c.status), "detail": c.detail, "figures": c.figures}
                    for c in server.checks
                ],
                "drift": server.drift,
                "tables": server.tables,
            }
            for server in report.servers
        ],
        "sample": None
        if report.sample is None
        else {name: getattr(report.sample, name) for name in ("sent", "expected", "arrived", "seconds")},
    }


def markdown(report: Report) -> str:
    """The report as a page."""
    return "\n".join(_page(report)) + "\n"


def _page(report: Report) -> Iterator[str]:
    faults = report.faults
    yield f"# ClickHouse setup: {'all is well' if not faults else f'{len(faults)} to mend'}"
    yield ""
    form = f"cluster `{report.cluster}`" if report.cluster else "single server"
    done = f"{report.statements} statements executed" if report.statements else "nothing was pending"
    yield f"{report.at:%Y-%m-%d %H:%M:%S} UTC · database `{report.database}` · {form} · {done}"
    if faults:
        yield from ["", *(f"- {line}" for line in faults)]
    if report.sample is not None:
        sample = report.sample
        yield from ["", "## Sample", ""]
        rows = f"{sample.arrived} of {sample.expected} rows arrived in {sample.seconds:.1f} s"
        yield f"{sample.sent} events sent, {rows}."
    for server in report.servers:
        yield from ["", f"## {server.address}", ""]
        yield from _table(("check", "result", "found"), [(c.name, SIGNS[c.status], c.detail) for c in server.checks])
        yield ""
        if server.drift:
            yield from ["The schema differs from this version's:", "", *(f"- {line}" for line in server.drift)]
        else:
            yield "Every table, column, engine and view is as this version's schema says."
        yield ""
        yield from _table(("name", "engine", *_COUNTED), [_line(table) for table in server.tables])


def _line(table: dict[str, Any]) -> tuple[Any, ...]:
    """A table as the page shows it; a view has no rows of its own to count."""
    is_view = str(table["engine"]).endswith("View")
    return table["name"], table["engine"], *("" if is_view else table[name] for name in _COUNTED)


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for row in rows:
        cells = (f"{cell:,}" if isinstance(cell, int) else str(cell).replace("|", "\\|") for cell in row)
        yield f"| {' | '.join(cells)} |"
