"""The text of docs/EVENT_SCHEMAS.md, generated from the classes."""

import json
from collections.abc import Iterator
from typing import Literal, get_args, get_origin

import annotated_types as at

from streams.errors import Reject
from streams.events.base import EventSpec, Registry
from streams.events.columns import sentence
from streams.events.currencies import MINOR_UNITS
from streams.events.domains import Domain
from streams.events.envelope import Envelope
from streams.events.fields import ID_LENGTH, TEXT_LENGTH, Marker, Money, Part, Position, Price
from streams.events.schema import example, sentences
from streams.events.shape import Shape, shape_of

_HEAD = f"""<!-- Written by `make docs` from streams/events. -->
# Events

Every message is one CloudEvent 1.0 in JSON, structured mode; binary mode (`ce_` headers, the data as the value) is
accepted too. `(source, id)` is the idempotency key. The JSON Schema of each type is in [schemas](schemas), all topics
and messages in [asyncapi.json](asyncapi.json). `millrace events show TYPE` prints the same for one type.

- **Unknown fields** are tolerated, and counted on a sample of one event in a hundred. A missing or wrong field is
  refused, and so is a type on another topic than its own. Where a field is given twice, the last one holds. An optional
  field that was not given, or is null, is NULL in its column.
- **Amounts** are strings such as `"12.50"` (a number is accepted) with a currency of ISO 4217. They keep 14 digits
  before and 4 after the point, and at most two digits more than the currency's minor unit: 4 for USD, 2 for JPY.
- **Times** are RFC 3339 with a zone, such as `2026-01-31T12:00:00.000Z`, years 1901 to 2298; milliseconds are kept.
- **Identifiers** have 1 to {ID_LENGTH} characters, none of them a control character.
- **Numbers** are numbers: `1.0` is no integer, `"1"` and `true` are no number, NaN and infinity do not exist.
- **Text** is UTF-8 without a byte order mark and without lone surrogates. A message nests at most 400 levels deep.
- **Keys**: records are partitioned by murmur2 of their key, as Java's and aiokafka's default does. librdkafka's default
  is another: set `partitioner=murmur2_random` there.
"""

REFUSALS = {
    Reject.MALFORMED: "The message is not one CloudEvent: no JSON object, or an attribute is missing or wrong.",
    Reject.UNKNOWN_TYPE: "No such type is declared; deploy the version of Millrace that knows it, then replay.",
    Reject.WRONG_TOPIC: "The type belongs on another topic; correct the producer.",
    Reject.INVALID: "A field of the data is missing or wrong; the dead letter names it.",
    Reject.IN_FUTURE: "The event's time lies too far ahead of its ingestion; correct the producer's clock.",
    Reject.TOO_OLD: "The event's time lies before the end of retention.",
    Reject.REFUSED: "ClickHouse refused the row; validation should have, so this is a fault of Millrace.",
}


def reference(registry: Registry) -> str:
    """The whole document."""
    lines = [_HEAD, "## Envelope", "", *_fields(Envelope), "", "## Position", ""]
    lines += [_doc(Position), "", *_fields(Position), "", *_rules(Position), "## Refusals", ""]
    lines += ["| reason | meaning |", "|---|---|"]
    lines += [f"| `{reason}` | {REFUSALS[reason]} |" for reason in Reject]
    for domain in registry.domains.values():
        lines += ["", f"## {domain.name.capitalize()}", "", f"{domain.doc} Raw table `{domain.raw_table}`.", ""]
        lines += _topics(domain)
        for spec in registry.of(domain):
            lines += ["", *_event(spec)]
    return "\n".join(lines) + "\n"


def _topics(domain: Domain) -> Iterator[str]:
    yield "| topic | key | what flows through it |"
    yield "|---|---|---|"
    for topic in domain.topics:
        yield f"| `{topic.name}` | {', else '.join(f'`{key}`' for key in topic.keys)} | {topic.doc} |"


def _event(spec: EventSpec) -> Iterator[str]:
    yield f"### {spec.name}"
    yield ""
    yield f"{spec.doc} Topic `{spec.topic}`, version {spec.version}, [schema](schemas/{spec.schema_name}.json)."
    yield ""
    yield from _fields(spec.model, {column.name: column.clickhouse_type for column in spec.columns})
    yield ""
    yield from _rules(spec.model)
    yield "```json"
    yield json.dumps(example(spec), ensure_ascii=False)
    yield "```"


def _rules(part: type[Part]) -> Iterator[str]:
    for rule in sentences(part):
        yield f"- {rule}"
    if part.rules:
        yield ""


def _fields(part: type[Part], columns: dict[str, str] | None = None) -> Iterator[str]:
    yield "| field | type |" + (" column |" if columns is not None else "") + " meaning |"
    yield "|---|---|" + ("---|" if columns is not None else "") + "---|"
    for name, info in part.model_fields.items():
        shape = shape_of(info)
        column = ""
        if columns is not None:
            stored = f"`{columns[name]}`" if name in columns else f"`{name}_*`" if shape.base is Position else "none"
            column = f" {stored} |"
        optional = "?" if shape.optional else ""
        yield f"| `{name}`{optional} | {kind_of(shape)} |{column} {sentence(info, name)} |"


def _doc(part: type[Part]) -> str:
    return (part.__doc__ or "").strip()


def kind_of(shape: Shape) -> str:
    """A field's type and bounds, in words."""
    base = shape.base
    if base is Position:
        return "[position](#position)"
    if Marker.MOMENT in shape.metadata:
        return "time"
    if Marker.IDENTIFIER in shape.metadata:
        return "identifier"
    if get_origin(base) is Literal:
        values = get_args(base)
        return "currency" if values == tuple(MINOR_UNITS) else ", ".join(f"`{value}`" for value in values)
    if issubclass(base, Money):
        return "amount, not negative" if issubclass(base, Price) else "amount"
    low = next((item.ge for item in shape.metadata if isinstance(item, at.Ge)), None)
    high = next((item.le for item in shape.metadata if isinstance(item, at.Le)), None)
    if base is int or base is float:
        return f"{'integer' if base is int else 'number'}, {low} to {high}"
    if base is bool:
        return "boolean"
    shortest = next((item.min_length for item in shape.metadata if isinstance(item, at.MinLen)), 0)
    longest = next((item.max_length for item in shape.metadata if isinstance(item, at.MaxLen)), TEXT_LENGTH)
    return f"text, {shortest} to {longest} characters"
