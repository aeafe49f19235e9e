"""The tables that follow from the event classes: columns, and the statements a new migration begins with.

Nothing here changes a database. What changes it are the files in `migrations/`; tests hold the tables that these
make to the columns that are derived here, and `ddl`/`alterations` write the proposal for the next file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from streams.events import registry
from streams.events.base import Column, EventSpec
from streams.events.columns import ENVELOPE, LABEL, TIME, base_type, is_nullable
from streams.events.domains import RIDES, TICKETING, Domain

DEDUPLICATION_WINDOW: Final = 30_000
"""Parts whose tokens a table remembers; the arithmetic is in migrations/0001."""

RETENTION_DAYS: Final = 730

_FAMILY_ENVELOPE: Final = (
    "event_type",
    "event_version",
    "source",
    "occurred_at",
    "ingested_at",
    "chain",
    "topic",
    "shard",
    "offset",
    "sample_rate",
)
"""What a family table keeps of the envelope; (chain, topic, shard, offset) finds the raw row."""

_STEADY: Final = frozenset({"occurred_at", "appended_at", "offset", "intent", "intent_offset"})
"""Columns whose neighbours differ little in the tables' order: Delta before ZSTD (2.2 instead of 3.7 bytes)."""

_DEFAULTS: Final[Mapping[str, str]] = {"String": "''", "LowCardinality(String)": "''", "Bool": "false"}


@dataclass(frozen=True, slots=True)
class Raw:
    """The table that takes every event of a domain."""

    domain: Domain
    order_by: str

    @property
    def name(self) -> str:
        """Table name."""
        return self.domain.raw_table

    @property
    def columns(self) -> tuple[Column, ...]:
        """Envelope, payload of all types, derived."""
        return registry.raw_columns(self.domain)


@dataclass(frozen=True, slots=True)
class Family:
    """A table that a view fills from a raw table with the events of some types."""

    name: str
    domain: Domain
    topic: str
    order_by: str
    types: tuple[str, ...] = ()
    """Event types; empty: all of the topic."""

    @property
    def specs(self) -> tuple[EventSpec, ...]:
        """The events that the table takes."""
        return tuple(
            spec
            for spec in registry.of(self.domain)
            if spec.topic == self.topic and (not self.types or spec.name in self.types)
        )

    @property
    def columns(self) -> tuple[Column, ...]:
        """Parts of the envelope, payload of its types, derived."""
        envelope = {column.name: column for column in ENVELOPE}
        kept = tuple(envelope[name] for name in _FAMILY_ENVELOPE)
        return (*kept, *registry.columns(self.specs), *self.domain.derived)


RAW: Final = (
    Raw(RIDES, "user_id, if(user_id = '', ifNull(driver_id, ''), ''), occurred_at"),
    Raw(TICKETING, "ifNull(user_id, ''), ifNull(session_id, ''), occurred_at"),
)

_BY_USER: Final = "event_type, toStartOfHour(occurred_at), user_id, occurred_at"
_BY_DRIVER: Final = "event_type, toStartOfHour(occurred_at), driver_id, occurred_at"

FAMILIES: Final = (
    Family("user_events", RIDES, "rides.user", _BY_USER),
    Family("booking_events", RIDES, "rides.booking", _BY_USER),
    Family("payment_events", RIDES, "rides.payment", _BY_USER),
    Family("trip_events", RIDES, "rides.trip", _BY_DRIVER),
    Family("route_events", RIDES, "rides.route", _BY_DRIVER),
    Family("location_events", RIDES, "rides.location", "driver_id, occurred_at"),
    Family(
        "page_views", TICKETING, "ticketing.pages", "toStartOfHour(occurred_at), ifNull(session_id, ''), occurred_at"
    ),
    Family(
        "ticket_sales",
        TICKETING,
        "ticketing.sales",
        "organizer_id, ticketed_event_id, event_type, occurred_at",
        ("ticket.purchased", "ticket.refunded"),
    ),
)


DEAD_LETTERS: Final = (
    Column(TIME, "ingested_at", "ClickHouse's clock when the batch was formed."),
    Column(TIME, "appended_at", "Timestamp of the record in Kafka."),
    Column("String", "chain", "Chain of intents that delivered it."),
    Column("UInt16", "shard", "Kafka partition it came from."),
    Column(LABEL, "topic", "Kafka topic it came from."),
    Column("UInt16", "partition", "Kafka partition it came from; the same as the shard."),
    Column("UInt64", "offset", "Kafka offset it came from."),
    Column("UInt64", "intent", "Sequence number of the intent that delivered it."),
    Column("String", "nonce", "Nonce of that intent."),
    Column("UInt64", "intent_offset", "Offset of that intent in the log of intents."),
    Column(LABEL, "app_version", "Version of the worker that wrote it."),
    Column(LABEL, "reason", "Why it was refused; one of a closed list."),
    Column("String", "field", "Path of the refused field; empty where the whole message was refused."),
    Column("String", "message", "The words of refusal."),
    Column("String", "event_type", "CloudEvents `type` as far as it could be read."),
    Column("String", "event_id", "CloudEvents `id` as far as it could be read."),
    Column("String", "source", "CloudEvents `source` as far as it could be read."),
    Column("UInt8", "schema_version", "Version of its type's schema; 0 where the type is not known."),
    Column("String", "key", "The record's key, byte for byte; empty where it has none."),
    Column("String", "value", "The record's value, byte for byte; empty where it has none."),
    Column("Array(Tuple(String, String))", "headers", "The record's headers, byte for byte."),
    Column("Bool", "key_is_null", "Whether the record has no key, which is another thing than an empty one."),
    Column("Bool", "value_is_null", "Whether the record has no value: a tombstone."),
    Column("Array(UInt32)", "null_headers", "Positions in `headers`, from 0, of those without a value."),
)
"""Columns of the table `dead_letters`, in order."""

WITNESSED: Final = (*(table.name for table in RAW), "dead_letters")
"""The tables that a batch is inserted into; each has the constraint `fresh` and a view into `delivered`."""


def tables() -> dict[str, tuple[Column, ...]]:
    """Columns of every table that takes rows of the stream, by table name."""
    return {table.name: table.columns for table in (*RAW, *FAMILIES)} | {"dead_letters": DEAD_LETTERS}


def codec(table: str, column: Column) -> str:
    """The codec that a column has beside the tables' default of ZSTD(1); empty for none."""
    if column.name in _STEADY:
        return "Delta(8), ZSTD(1)"
    if column.name in ("position_latitude", "position_longitude"):
        # A driver's next ping is near the last one: 3.5 instead of 4.0 bytes.
        return "Gorilla(8), ZSTD(1)"
    return ""


def raw_ddl(table: Raw) -> str:
    """CREATE TABLE of a raw table."""
    lines = [
        *(_line(table.name, column) for column in table.columns),
        "INDEX by_occurred_at occurred_at TYPE minmax GRANULARITY 1",
        "INDEX by_ingested_at ingested_at TYPE minmax GRANULARITY 1",
        "INDEX by_offset offset TYPE minmax GRANULARITY 1",
        "CONSTRAINT fresh CHECK ingested_at BETWEEN nowInBlock64(3) - INTERVAL 5 MINUTE"
        " AND nowInBlock64(3) + INTERVAL 1 MINUTE",
    ]
    return _create(table.name, lines, table.order_by)


def family_ddl(table: Family) -> str:
    """CREATE TABLE of a family table."""
    return _create(table.name, [_line(table.name, column) for column in table.columns], table.order_by)


def view_ddl(table: Family) -> str:
    """CREATE MATERIALIZED VIEW that fills a family table; no expression in it can throw."""
    raw = {column.name: column for column in registry.raw_columns(table.domain)}
    lines = ",\n".join(f"    {_selected(column, raw[column.name])}" for column in table.columns)
    types = ", ".join(f"'{spec.name}'" for spec in table.specs)
    return (
        f"CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.{table.name}_mv TO {{database}}.{table.name} AS\n"
        f"SELECT\n{lines}\nFROM {{database}}.{table.domain.raw_table}\nWHERE event_type IN ({types})"
    )


def alterations(table: str, have: Mapping[str, str]) -> list[str]:
    """Statements that a next migration needs so that `table` with the columns `have` fits the event classes.

    A column that no event has any more stays, with its old rows; a changed type is named for a person to decide.
    """
    wanted = tables()[table]
    found: list[str] = []
    before = ""
    for column in wanted:
        if column.name not in have:
            place = f" AFTER {_quoted(before)}" if before else " FIRST"
            found.append(f"ALTER TABLE {{database}}.{table} ADD COLUMN IF NOT EXISTS {_line(table, column)}{place}")
        elif have[column.name] != column.clickhouse_type:
            found.append(
                f"ALTER TABLE {{database}}.{table} MODIFY COLUMN {_quoted(column.name)} {column.clickhouse_type}"
                f" -- was {have[column.name]}"
            )
        before = column.name
    return found


def _create(name: str, lines: list[str], order_by: str) -> str:
    body = ",\n".join(f"    {line}" for line in lines)
    return (
        f"CREATE TABLE IF NOT EXISTS {{database}}.{name}\n(\n{body}\n)\n"
        "ENGINE = MergeTree\n"
        "PARTITION BY toDate(occurred_at)\n"
        f"ORDER BY ({order_by})\n"
        f"TTL toDate(occurred_at) + INTERVAL {RETENTION_DAYS + 2} DAY\n"
        "SETTINGS ttl_only_drop_parts = 1,\n"
        "    default_compression_codec = 'ZSTD(1)',\n"
        f"    non_replicated_deduplication_window = {DEDUPLICATION_WINDOW},\n"
        f"    replicated_deduplication_window = {DEDUPLICATION_WINDOW},\n"
        "    replicated_deduplication_window_seconds = 3600"
    )


def _line(table: str, column: Column) -> str:
    special = codec(table, column)
    return f"{_quoted(column.name)} {column.clickhouse_type}" + (f" CODEC({special})" if special else "")


def _selected(column: Column, raw: Column) -> str:
    """The expression of a view for a column that the raw table may hold as NULL and the family may not."""
    name = _quoted(column.name)
    if not is_nullable(raw.clickhouse_type) or is_nullable(column.clickhouse_type):
        return name
    return f"ifNull({name}, {_default(base_type(column.clickhouse_type))}) AS {name}"


def _default(clickhouse_type: str) -> str:
    literal = _DEFAULTS.get(clickhouse_type)
    return (
        literal
        if literal is not None
        else f"defaultValueOfTypeName('{clickhouse_type.replace(chr(39), chr(92) + chr(39))}')"
    )


def _quoted(name: str) -> str:
    return f"`{name}`"
