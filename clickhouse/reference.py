"""The reference of the database: every object, read from `structure.sql` and from what is declared beside it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clickhouse import statements
from clickhouse.columns import FAMILIES
from clickhouse.daily import DAILY, Daily
from clickhouse.metrics import readers
from clickhouse.retention import rules, shown, ttl
from clickhouse.rollups import ROLLUPS
from streams.errors import ConfigurationError

STRUCTURE: Final = Path(__file__).with_name("structure.sql")

_CREATE = re.compile(r"CREATE (TABLE|MATERIALIZED VIEW|VIEW) \{database\}\.(\w+)")
_CLAUSES = {
    "engine": re.compile(r"\bENGINE = (\w+(?:\([^)]*\))?)"),
    "key": re.compile(r"\bORDER BY (\(.*?\)|\w+)$", re.MULTILINE),
    "partition": re.compile(r"\bPARTITION BY (.+)$", re.MULTILINE),
    "target": re.compile(r" TO \{database\}\.(\w+)"),
    "source": re.compile(r"\bFROM \{database\}\.(\w+)"),
}


@dataclass(frozen=True, slots=True)
class Note:
    """What a schema does not say of a table: what a row is, who writes it, who reads it."""

    grain: str
    source: str
    read_by: str


NOTES: Final = {
    "events_raw": Note("one event of rides", "worker", "rebuild, reconciliation, recovery, questions by person"),
    "events": Note("one event of ticketing", "worker", "rebuild, reconciliation, recovery, questions by person"),
    "dead_letters": Note("one refused message", "worker", "`millrace dlq`"),
    "delivered": Note("one shard and table", "views, and the worker for batches without rows", "recovery, holds"),
    "repairs": Note("one batch, table and day", "worker", "worker, `millrace reconcile`"),
    "dead_letter_actions": Note("one step of an action", "`millrace dlq`", "`millrace dlq`"),
    "chain_repairs": Note("one repaired chain", "`millrace intents repair`", "`millrace intents repair`"),
    "rebuilds": Note(
        "one rebuilt day of a table", "`millrace rebuild`", "`millrace reconcile`, `millrace metrics-daily`"
    ),
    "metrics_daily": Note("day, domain, metric, dimensions, currency", "`millrace metrics-daily`", "reports by day"),
    "holds": Note("one hold", "`millrace hold`, `millrace rebuild`", "worker"),
    "migrations": Note("one step of a migration", "`millrace migrate apply`", "`millrace migrate status`, preflight"),
    "retention_log": Note("one action on a partition", "`millrace retention`, `millrace archive`", "the same"),
    "retention_locks": Note("one turn of a job", "`millrace retention`, `millrace archive`", "the same"),
    "legal_holds": Note("one hold, placed or released", "`millrace legal-hold`", "retention, archive, erasure"),
    "suppressions": Note("one erased person, as a keyed hash", "`millrace forget`", "worker"),
    "erasures": Note("one receipt of an erasure", "`millrace forget`", "people"),
    "metrics_realtime": Note("one closed window of a shard and its revision", "worker", "metrics_realtime_latest"),
    "metrics_realtime_latest": Note("the newest revision of a window", "metrics_realtime", "charts of closed windows"),
}
"""Tables and views that are no family and no rollup; a new one needs a line here."""

_HEAD: Final = (
    "<!-- Written by `make docs` from clickhouse/structure.sql, reference.py and what is declared beside them. -->",
    "# Objects in ClickHouse",
    "",
    "Times are UTC. A rollup is read with GROUP BY: `sum(events)`, `uniqCombined64Merge(14)(people)`.",
    "Hours and days are cut in the reader's zone: `toStartOfHour(bucket, 'America/New_York')`.",
    "",
    "*hot*, *cold*: the age in days at which a row leaves that tier, and *then* what happens to it, by",
    "[the policy](../retention.md) as it is shipped; `METRICS_RETENTION_DAYS` and `METRICS_COLD_DAYS` move the 90 and",
    f"730 days of events. What is dropped stays {rules.MARGIN_DAYS} days longer. *archived*: to Parquet files under",
    "`ARCHIVE_URL`, read back before the rows go; without one, rows are dropped at the same age.",
    "",
)


def reference() -> str:
    """The text of docs/reference/clickhouse.md. Raises ConfigurationError for an object that nobody has declared."""
    objects = _objects()
    tables = {name: sql for name, (kind, sql) in objects.items() if kind != "MATERIALIZED VIEW"}
    views = {name: sql for name, (kind, sql) in objects.items() if kind == "MATERIALIZED VIEW"}
    fed: dict[str, list[str]] = {}
    for view, sql in views.items():
        fed.setdefault(_clause("target", sql), []).append(view)
    policy = shown.shipped()
    lines = [
        *_HEAD,
        "## Tables",
        "",
        "| table | a row is | filled by | engine | key | partition | hot | cold | then | read by, or what it answers |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *(_table_line(name, sql, fed.get(name, []), policy) for name, sql in tables.items()),
        "",
        *_metric_lines(tables),
        "## Views that fill them",
        "",
        "| view | from | to | exact | approximate |",
        "|---|---|---|---|---|",
        *(_view_line(name, sql, tables) for name, sql in views.items()),
        "",
        "Exact: every plain number. Approximate: distinct people, sessions and orders (exact to some 500 in a state,",
        "then 0.8 % off on average) and percentiles (at most 0.8 % of the value, none up to 128). People of two",
        "buckets are merged, never added; so are the histograms that percentiles are [read from](../rollups.md).",
        "",
        "## Daily metrics",
        "",
        "Rows of `metrics_daily`; days are those of the domain's reporting zone.",
        "",
        "| domain | metric | numerator | denominator | by | from |",
        "|---|---|---|---|---|---|",
        *(_daily_line(metric) for metric in DAILY),
    ]
    return "\n".join(lines) + "\n"


def _objects() -> dict[str, tuple[str, str]]:
    """Kind and statement of every object, by name."""
    found = {}
    for sql in statements.split(STRUCTURE.read_text(encoding="utf-8")):
        match = _CREATE.match(sql)
        if match is None:
            raise ConfigurationError(f"structure.sql has a statement that creates nothing known: {sql[:80]}")
        found[match[2]] = (match[1], sql)
    return found


def _clause(name: str, sql: str) -> str:
    match = _CLAUSES[name].search(sql)
    return match[1] if match else ""


def _table_line(name: str, sql: str, views: list[str], policy: rules.Rules) -> str:
    note = _note(name, sql)
    stay = shown.stay(ttl.read(name, " ".join(sql.split())), policy)
    cells = [
        f"`{name}`",
        note.grain,
        note.source or ", ".join(f"`{view}`" for view in views),
        _clause("engine", sql) or "View",
        _code(_clause("key", sql)),
        _code(_clause("partition", sql)),
        stay.hot,
        stay.cold,
        stay.then,
        note.read_by,
    ]
    return f"| {' | '.join(cells)} |"


def _metric_lines(tables: Iterable[str]) -> list[str]:
    """The section of the tables that metrics of the catalogue read."""
    read = readers.by_table()
    return [
        "## Metrics that read them",
        "",
        "A metric ([all of them](../METRICS_CATALOG.md)) is read from the first of its tables that knows the",
        "dimensions asked for and is cut as finely as the periods; the others answer what the first cannot. No metric",
        "of the catalogue reads a table that is not named here.",
        "",
        "| table | first table of | answers too |",
        "|---|---|---|",
        *(
            f"| `{name}` | {_listed(read[name].first)} | {_listed(read[name].otherwise)} |"
            for name in tables
            if name in read
        ),
        "",
    ]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(_code, names))


def _note(name: str, sql: str) -> Note:
    rollups = [rollup for rollup in ROLLUPS if rollup.target == name]
    if rollups:
        key = _clause("key", sql).strip("()").split(", ")
        rest = ", ".join(column for column in key if column != "bucket")
        answers = "; ".join(rollup.answers for rollup in rollups)
        return Note(f"{rollups[0].minutes} minutes, {rest}", "", answers)
    family = next((family for family in FAMILIES if family.name == name), None)
    if family:
        types = ", ".join(f"`{spec.name}`" for spec in family.specs)
        return Note(f"one event: {types}", "", "questions by type and time; windows are counted again from it")
    if name not in NOTES:
        raise ConfigurationError(
            f"{name} is declared nowhere; add a line to ROLLUPS or to clickhouse/reference.py: NOTES"
        )
    return NOTES[name]


def _view_line(name: str, sql: str, tables: dict[str, str]) -> str:
    target, source = _clause("target", sql), _clause("source", sql)
    shown = [f"`{name}`", f"`{source}`", f"`{target}`"]
    measured = re.findall(r"`(\w+)` (?:Simple)?AggregateFunction\((sum,)?", tables[target])
    if measured:
        exact = ", ".join(column for column, plain in measured if plain)
        near = ", ".join(column for column, plain in measured if not plain)
        shown += [_code(exact), _code(near)]
    elif target == "delivered":
        shown += ["the newest batch", ""]
    else:
        shown += ["rows as they are", ""]
    return f"| {' | '.join(shown)} |"


def _daily_line(metric: Daily) -> str:
    by = [*metric.dimensions, *(["currency"] if metric.is_money else [])]
    cells = [
        metric.domain.name,
        f"`{metric.metric}`",
        _code(metric.numerator),
        _code(metric.denominator),
        _code(", ".join(by)),
        _code(metric.source) + ("" if metric.time == "bucket" else f" by `{metric.time}`"),
    ]
    return f"| {' | '.join(cells)} |"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""
