"""ClickHouse columns of an event, derived from its fields; the columns that every raw table starts with."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from streams.errors import ConfigurationError
from streams.events.shape import shape_of


@dataclass(frozen=True, slots=True)
class Column:
    """One ClickHouse column; as an annotation, `Annotated[int, Column("UInt64")]`, it overrides a field's type."""

    clickhouse_type: str
    """Type as ClickHouse writes it, without `Nullable` where it stands as an annotation."""
    name: str = ""
    """Column name; empty in an annotation, where the field gives it."""
    doc: str = ""
    """One sentence for the reference."""
    stored: bool = True
    """False: the field is read by the enrichment and has no column of its own."""


NOT_STORED = Column("", stored=False)

COORDINATE = "Nullable(Float64)"
LABEL = "LowCardinality(String)"
TIME = "DateTime64(3, 'UTC')"

ENVELOPE: tuple[Column, ...] = (
    Column("String", "event_id", "CloudEvents `id`; unique together with `source`."),
    Column(LABEL, "source", "CloudEvents `source`: the service that said it."),
    Column(LABEL, "event_type", "CloudEvents `type`."),
    Column("UInt8", "event_version", "Version of the event's schema."),
    Column(TIME, "occurred_at", "CloudEvents `time`: when it happened."),
    Column(TIME, "appended_at", "Timestamp of the record in Kafka."),
    Column(TIME, "ingested_at", "ClickHouse's clock when the batch was formed."),
    Column(LABEL, "topic", "Kafka topic it came from."),
    Column("UInt16", "shard", "Kafka partition it came from."),
    Column("UInt64", "offset", "Kafka offset it came from."),
    Column("String", "chain", "Chain of intents that delivered it."),
    Column("UInt64", "intent", "Sequence number of the intent that delivered it."),
    Column("String", "nonce", "Nonce of that intent."),
    Column("UInt64", "intent_offset", "Offset of that intent in the log of intents."),
    Column(LABEL, "app_version", "Version of the worker that wrote it."),
    Column("Float64", "sample_rate", "Share of such events that is kept; weigh by its inverse."),
    Column(
        TIME, "watermark", "The shard's watermark before the batch: what is older than it by the lateness was late."
    ),
)

POSITION = (
    ("latitude", COORDINATE, "latitude in degrees, as given or a centroid"),
    ("longitude", COORDINATE, "longitude in degrees, as given or a centroid"),
    ("zone", LABEL, "zone, empty if unknown"),
    ("city", LABEL, "city, empty if unknown"),
    ("state", LABEL, "state or region, empty if unknown"),
    ("country", LABEL, "country code, empty if unknown"),
    ("cell", "UInt64", "H3 cell at resolution 8, 0 if unknown"),
)

# In this order: a bool is an int, and an enumeration of words a str.
_PLAIN: tuple[tuple[type, str], ...] = (
    (StrEnum, LABEL),
    (str, "String"),
    (bool, "Bool"),
    (int, "UInt32"),
    (float, "Float64"),
    (Decimal, "Decimal(18, 4)"),
    (datetime, TIME),
)


def position_columns(name: str) -> tuple[Column, ...]:
    """Seven columns of the position field `name`."""
    return tuple(Column(kind, f"{name}_{part}", f"{name.capitalize()}: {what}.") for part, kind, what in POSITION)


def field_column(owner: str, name: str, info: FieldInfo) -> Column:
    """The column of one flat field. Raises ConfigurationError where no ClickHouse type can be derived."""
    base, metadata, optional = shape_of(info)
    found = next((item for item in metadata if isinstance(item, Column)), None) or _derived(base)
    if found is None:
        shown = base.__name__ if isinstance(base, type) and not get_args(base) else str(base)
        raise ConfigurationError(f"{owner}.{name}: no ClickHouse type for {shown}; annotate the field with Column(...)")
    kind = nullable(found.clickhouse_type) if optional and found.stored else found.clickhouse_type
    return replace(found, name=name, clickhouse_type=kind, doc=sentence(info, name))


def sentence(info: FieldInfo, name: str) -> str:
    """The field's docstring, else its name in words."""
    return (info.description or name.replace("_", " ").capitalize()).strip().rstrip(".") + "."


def base_type(clickhouse_type: str) -> str:
    """The type without its Nullable: `LowCardinality(Nullable(String))` is `LowCardinality(String)`."""
    if clickhouse_type.startswith("LowCardinality(Nullable("):
        return f"LowCardinality({clickhouse_type[24:-2]})"
    return clickhouse_type[9:-1] if clickhouse_type.startswith("Nullable(") else clickhouse_type


def is_nullable(clickhouse_type: str) -> bool:
    """Whether the type holds NULL."""
    return base_type(clickhouse_type) != clickhouse_type


def nullable(clickhouse_type: str) -> str:
    """The type with room for NULL; ClickHouse wants it inside of LowCardinality."""
    if clickhouse_type.startswith("LowCardinality("):
        return f"LowCardinality(Nullable({clickhouse_type[15:-1]}))"
    return f"Nullable({clickhouse_type})"


def merged(columns: Iterable[tuple[str, Column]]) -> tuple[Column, ...]:
    """Columns of several owners as one table has them: by first appearance, nullable if any of them is.

    Raises ConfigurationError if two owners give one name two types.
    """
    found: dict[str, Column] = {}
    owners: dict[str, str] = {}
    for owner, column in columns:
        known = found.get(column.name)
        if known is None:
            found[column.name], owners[column.name] = column, owner
        elif base_type(known.clickhouse_type) != base_type(column.clickhouse_type):
            raise ConfigurationError(
                f"column {column.name!r} is {known.clickhouse_type} in {owners[column.name]} and "
                f"{column.clickhouse_type} in {owner}; one domain shares its columns: rename one of the fields "
                "or give both the same type"
            )
        elif is_nullable(column.clickhouse_type):
            found[column.name] = replace(known, clickhouse_type=column.clickhouse_type)
    return tuple(found.values())


def _derived(base: Any) -> Column | None:
    if get_origin(base) is Literal:
        return Column(LABEL)
    if isinstance(base, type):
        for kind, clickhouse_type in _PLAIN:
            if issubclass(base, kind):
                return Column(clickhouse_type)
    return None
