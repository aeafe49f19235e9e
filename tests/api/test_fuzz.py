"""Requests that are made out of the OpenAPI document get answers that it tells of, and never an error of the server."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.fuzzed import Fuzzed, check_problem

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
SEED = 8


def mixed(case: Case[Any], told: Mapping[str, Any], draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
    """Put words of the document in place of some of a case's, and leave some out.

    Of text that is made up alone nearly every parameter is refused, so that nothing behind the first would be reached.
    """
    for each in told.get("parameters", ()):
        name, schema = each["name"], each["schema"]
        known = [*schema.get("examples", ()), *([schema["default"]] if schema.get("default") else ())]
        if each["in"] == "path" and known and draw(st.booleans()):
            case.path_parameters[name] = known[0]
        elif each["in"] == "query" and name in case.query:
            what = draw(st.sampled_from(("made up", "left out", *("known" for _ in known))))
            if what == "known":
                case.query[name] = draw(st.sampled_from(known))
            elif what == "left out" and not each["required"]:
                del case.query[name]
    examples = [content.get("example") for content in told.get("requestBody", {}).get("content", {}).values()]
    if isinstance(case.body, dict) and isinstance(examples[0], dict):
        kept = draw(st.sets(st.sampled_from(sorted(examples[0]))))
        case.body = case.body | {name: examples[0][name] for name in kept}


def asking(fuzzed: Fuzzed, operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode) -> Callable[[], None]:
    """What sends requests to one operation, and holds the answers to the document."""
    told = fuzzed.app.openapi()["paths"][operation.path][operation.method.lower()]

    @given(case=operation.as_strategy(generation_mode=mode), data=st.data())
    def answered(case: Case[Any], data: st.DataObject) -> None:
        if mode is GenerationMode.POSITIVE:
            mixed(case, told, data.draw)
        response = case.call(session=fuzzed.http, headers={"Authorization": f"Bearer {fuzzed.key}"})
        case.validate_response(response, checks=CHECKS)
        kind, *_ = response.headers.get("content-type", [""])
        check_problem(response.status_code, kind, response.content)

    return answered


def run(fuzzed: Fuzzed, examples: int) -> None:
    """Send so many fitting and so many unfitting requests to every operation; fail with all that is found."""
    schema = schemathesis.openapi.from_dict(fuzzed.app.openapi())
    schema.app = fuzzed.http.app
    found: list[str] = []
    seen: set[str] = set()
    how = hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[*HealthCheck],
    )
    for each in schema.get_all_operations():
        assert isinstance(each, Ok), each
        operation = each.ok()
        for mode in GenerationMode:
            try:
                how(seed(SEED)(asking(fuzzed, operation, mode)))()
            except Unsatisfiable:
                assert mode is GenerationMode.NEGATIVE, operation.label  # whatever is sent fits
            except Exception as error:  # every finding shall be told, not the first alone
                found.append(f"{operation.label}, {mode.value}: {type(error).__name__}: {error}")
            else:
                seen.add(operation.label)
    assert not found, f"{len(found)} findings\n\n" + "\n\n".join(found)
    assert seen == {each.name for each in fuzzed.told}


def test_whatever_is_asked_is_answered_as_the_document_says(fuzzed: Fuzzed) -> None:
    run(fuzzed, 2)


@pytest.mark.faults
@pytest.mark.timeout(3600)
def test_much_more_of_it(fuzzed: Fuzzed) -> None:
    run(fuzzed, 60)


def test_the_document_has_an_example_of_every_body(fuzzed: Fuzzed) -> None:
    posted = [each for each in fuzzed.told if "requestBody" in each.about]

    assert len(posted) >= 8
    assert [each.name for each in posted if not json.dumps(each.example[1])] == []
