"""The checked-in schemas and documents are current, and say what the decoders do."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest
from hypothesis import given, settings

from streams import codec
from streams.codec import Refusal
from streams.events import EventSpec, registry
from streams.events.schema import asyncapi, event_schema, example, schema_text
from tests.strategies import valid_events

DOCS = Path(__file__).parents[3] / "docs"
EVERY = pytest.mark.parametrize("spec", registry.events.values(), ids=str)

_validators: dict[str, Any] = {}


def accepts(spec: EventSpec, event: Any) -> bool:
    validator = _validators.setdefault(spec.name, jsonschema.Draft202012Validator(event_schema(spec)))
    return bool(validator.is_valid(event))


@EVERY
def test_the_checked_in_schema_is_current(spec: EventSpec) -> None:
    path = DOCS / "schemas" / f"{spec.schema_name}.json"
    assert path.read_text() == schema_text(spec), "run `millrace events diff`, then `millrace events schema --write`"


def test_no_schema_is_left_over() -> None:
    assert {path.name for path in (DOCS / "schemas").iterdir()} >= {
        f"{spec.schema_name}.json" for spec in registry.events.values()
    }
    assert {path.stem.rpartition(".v")[0] for path in (DOCS / "schemas").iterdir()} == set(registry.events)


@EVERY
def test_the_schema_is_one_and_takes_its_example(spec: EventSpec) -> None:
    schema = event_schema(spec)
    jsonschema.Draft202012Validator.check_schema(schema)
    checker = jsonschema.FormatChecker()
    jsonschema.Draft202012Validator(schema, format_checker=checker).validate(example(spec))
    assert schema["x-kafka"] == {"topic": spec.topic, "key": list(spec.keys)}


@given(valid_events())
@settings(max_examples=150, deadline=None)
def test_the_schema_takes_what_the_decoder_takes(drawn: tuple[EventSpec, dict[str, Any]]) -> None:
    spec, event = drawn
    assert accepts(spec, event)


@EVERY
def test_schema_and_decoder_refuse_the_same(spec: EventSpec) -> None:
    changes: list[tuple[str, Any]] = [(name, None) for name, info in spec.fields.items() if info.is_required()]
    changes += [(name, []) for name in spec.fields]
    changes += [(name, value) for name in spec.positions for value in ({"state": "x"}, {"latitude": 1, "zone": "z"})]
    changes += [(name, value) for name in spec.amounts for value in ("NaN", "1e5", "1.23456", True)]
    for name, value in changes:
        event = copy.deepcopy(example(spec))
        event["data"][name] = value
        assert not accepts(spec, event), (name, value)
        assert isinstance(codec.decode_values([json.dumps(event).encode()])[0], Refusal), (name, value)


def test_a_visit_needs_a_session_or_a_user() -> None:
    spec = registry.events["page.viewed"]
    event = example(spec)
    event["data"] |= {"session_id": None, "user_id": None}
    assert not accepts(spec, event)


def test_the_asyncapi_document_names_every_topic_and_message() -> None:
    document = json.loads((DOCS / "asyncapi.json").read_text())
    assert document["asyncapi"] == "3.0.0"
    assert document["channels"].keys() == registry.topics.keys()
    assert document["components"]["messages"].keys() == registry.events.keys()
    for name, message in document["components"]["messages"].items():
        assert (DOCS / message["payload"]["schema"]["$ref"]).is_file()
        assert accepts(registry.events[name], message["examples"][0]["payload"])
    for text in ("channels", "operations"):
        assert len(document[text]) == len(registry.topics)
    pointers = [ref for channel in document["channels"].values() for ref in channel["messages"].values()]
    pointers += [operation["channel"] for operation in document["operations"].values()]
    for pointer in pointers:
        found: Any = document
        for step in pointer["$ref"].removeprefix("#/").split("/"):
            found = found[step]
    assert document == asyncapi(registry, document["info"]["version"])
