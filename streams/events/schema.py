"""JSON Schema of each event, and one AsyncAPI 3 document of all, generated from the classes."""

import json
import re
from random import Random
from typing import Any, Final

from streams.events.base import EventSpec, Registry
from streams.events.currencies import MINOR_UNITS
from streams.events.domains import TOPICS
from streams.events.envelope import Envelope
from streams.events.fields import Part, Position
from streams.events.rules import Rule, someone, somewhere
from streams.events.sample import sample

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
Json = dict[str, Any]

_CURRENCIES: Final = list(MINOR_UNITS)
_WORDS = re.compile(r'\[\n(?:\s+"[^"]*",?\n)+\s+\]')
"""A list of words, which reads better on one line."""


def _given(*names: str) -> Json:
    """Schema of an object in which these fields are given and not null."""
    return {"required": list(names), "properties": {name: {"not": {"type": "null"}} for name in names}}


_RULES: Final[dict[Rule, Json]] = {
    somewhere: {
        "anyOf": [_given("latitude", "longitude"), _given("zone"), _given("city")],
        "allOf": [
            {"if": _given("latitude"), "then": _given("longitude")},
            {"if": _given("longitude"), "then": _given("latitude")},
        ],
    },
    someone: {"anyOf": [_given("session_id"), _given("user_id")]},
}
"""Rules that JSON Schema can say; the others stand as sentences under `x-rules`."""


def event_schema(spec: EventSpec) -> Json:
    """JSON Schema of the whole CloudEvent of this type, with its topic, key and ClickHouse columns beside it."""
    data = spec.model.model_json_schema(ref_template="#/$defs/{model}")
    envelope = Envelope.model_json_schema()
    defs = {**data.pop("$defs", {}), spec.model.__name__: data}
    for part, name in ((spec.model, spec.model.__name__), (Position, "Position")):
        if name in defs:
            for rule in part.rules:
                defs[name] |= _RULES.get(rule, {})
            defs[name] |= {"x-rules": sentences(part)} if part.rules else {}
    defs = {name: _plain(value) for name, value in defs.items()}
    if "currency" in spec.fields:
        defs["Currency"] = {"description": "Active currency of ISO 4217.", "type": "string", "enum": _CURRENCIES}
    properties = {name: _plain(value) for name, value in envelope["properties"].items()}
    properties["type"] = {"const": spec.name, "description": "Type of the event."}
    properties["data"] = {"$ref": f"#/$defs/{spec.model.__name__}"}
    return {
        "$schema": DIALECT,
        "$id": f"urn:millrace:event:{spec.name}:v{spec.version}",
        "title": spec.name,
        "description": spec.doc,
        "type": "object",
        "required": [*envelope["required"], "data"],
        "properties": properties,
        "$defs": dict(sorted(defs.items())),
        "x-kafka": {"topic": spec.topic, "key": list(spec.keys)},
        "x-clickhouse": {
            "table": spec.domain.raw_table,
            "columns": {column.name: column.clickhouse_type for column in spec.columns},
        },
    }


def sentences(part: type[Part]) -> list[str]:
    """The rules over several fields, in words."""
    return [(rule.__doc__ or rule.__name__).strip().split("\n")[0] for rule in part.rules]


def _plain(schema: Any) -> Any:
    """Pydantic's schema without its titles, and with the currencies named once."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("enum") == _CURRENCIES:
        return {"$ref": "#/$defs/Currency", **{k: v for k, v in schema.items() if k == "description"}}
    kept = {}
    for name, value in schema.items():
        if name == "properties":
            kept[name] = {field: _plain(inner) for field, inner in value.items()}
        elif name != "title":
            kept[name] = _plain(value)
    return kept


def schema_text(spec: EventSpec) -> str:
    """The checked-in file `docs/schemas/<type>.v<version>.json`."""
    return dumps(event_schema(spec))


def dumps(document: Json) -> str:
    """JSON as it is checked in."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return _WORDS.sub(lambda found: " ".join(found.group().split()).replace("[ ", "[").replace(" ]", "]"), text) + "\n"


def asyncapi(registry: Registry, version: str) -> Json:
    """AsyncAPI 3.0 of all topics and events; payloads are the checked-in schemas beside it."""
    specs = sorted(registry.events.values(), key=lambda spec: (spec.topic, spec.name))
    channels: Json = {}
    for topic, events in sorted(registry.topics.items()):
        channels[topic] = {
            "address": topic,
            "description": TOPICS[topic].doc,
            "messages": {spec.name: {"$ref": f"#/components/messages/{spec.name}"} for spec in events},
            "bindings": {"kafka": {"topic": topic, "bindingVersion": "0.5.0"}},
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Millrace events",
            "version": version,
            "description": "Every event that Millrace takes off Kafka: CloudEvents 1.0 in JSON, structured mode "
            "(binary mode is accepted too). Records are partitioned by murmur2 of their key.",
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": channels,
        "operations": {
            f"take.{topic}": {
                "action": "receive",
                "channel": {"$ref": f"#/channels/{topic}"},
                "summary": f"Millrace takes what is published on {topic}.",
            }
            for topic in channels
        },
        "components": {"messages": {spec.name: _message(spec) for spec in specs}},
    }


def _message(spec: EventSpec) -> Json:
    return {
        "name": spec.name,
        "title": spec.model.__name__,
        "summary": spec.doc.split("\n")[0],
        "contentType": "application/cloudevents+json",
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"./schemas/{spec.schema_name}.json"},
        },
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": f"The first of these that is given: {', '.join(spec.keys)}."},
                "bindingVersion": "0.5.0",
            }
        },
        "examples": [{"name": "example", "payload": example(spec)}],
    }


def example(spec: EventSpec) -> Json:
    """The example that documents show: always the same one."""
    return sample(spec, Random(spec.name))
