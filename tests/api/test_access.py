"""Every address of the OpenAPI document keeps its numbers to itself, but for those that are public by decision."""

import asyncio
from typing import Final

import pytest

from metadata.keys import Scope
from streams.events.domains import DOMAINS
from tests.support.fuzzed import ENDLESS, Fuzzed, Told, check_answer
from tests.support.posting import new_key

PUBLIC: Final = {
    "GET /metrics": "Prometheus scrapes it; figures of the process, none of the business",
    "GET /v1/catalogue": "what can be asked, without numbers",
    "GET /v1/geo/cells": "outlines of cells, the same for everybody",
    "GET /v1/metrics/realtime": "live sums without people, as the dashboard shows them without a sign-in",
    "GET /v1/live/dashboard": "the dashboard's own numbers",
    "GET /v1/live/windows": "which windows there are",
    "GET /v1/live/windows/{name}": "the same live sums, by window",
    f"GET {ENDLESS}": "the same live sums, as a stream",
    "GET /live": "a probe",
    "GET /ready": "a probe",
    "GET /health": "a probe",
}
"""Every address that needs no key, and why; a new one is a decision, and is written here."""
OWN: Final = "GET /v1/exports"
"""What the key itself has ordered: any key may look, and sees nothing of others."""
NUMBERED: Final = "/v1/exports/{number}"
"""Exports that were ordered: those of other keys are as if there were none."""
WRITING: Final = "/v1/events"


def closed(fuzzed: Fuzzed) -> list[Told]:
    """All that needs a key."""
    return [each for each in fuzzed.told if each.name not in PUBLIC]


@pytest.fixture(scope="session")
def ordered(fuzzed: Fuzzed) -> str:
    """Number of an export that the key of `fuzzed` ordered."""
    (order,) = [each for each in fuzzed.told if each.name == "POST /v1/exports"]
    found = fuzzed.send(order)
    assert found.status_code == 202, found.text
    return str(found.json()["id"])


def test_what_is_public_is_named_and_answers_without_a_key(fuzzed: Fuzzed) -> None:
    assert PUBLIC.keys() <= {each.name for each in fuzzed.told}
    assert {each.name for each in fuzzed.told if not each.about.get("security")} == PUBLIC.keys()
    for each in fuzzed.told:
        if each.name in PUBLIC:
            assert fuzzed.send(each, key="").status_code == 200, each.name


@pytest.mark.parametrize("key", ["", "mr_0123456789abcdef_nothing", "' OR 1=1 --"], ids=["none", "unknown", "hostile"])
def test_without_a_key_there_is_nothing(fuzzed: Fuzzed, ordered: str, key: str) -> None:
    assert len(closed(fuzzed)) >= 30
    for each in closed(fuzzed):
        answer = fuzzed.send(each, key=key, words={"number": ordered} if NUMBERED in each.path else {})
        assert answer.status_code == 401, each.name
        assert answer.headers["WWW-Authenticate"].startswith("Bearer"), each.name
        check_answer(answer)


def test_a_key_without_the_scope_sees_nothing(fuzzed: Fuzzed, ordered: str) -> None:
    reading = asyncio.run(new_key(fuzzed.settings, [Scope.METRICS_READ, Scope.ROWS_READ, Scope.PEOPLE_READ]))
    writing = asyncio.run(new_key(fuzzed.settings, [Scope.EVENTS_WRITE]))
    for each in closed(fuzzed):
        key = reading if each.path.startswith(WRITING) else writing
        answer = fuzzed.send(each, key=key, words={"number": ordered} if NUMBERED in each.path else {})
        if each.name == OWN:
            assert answer.json() == {"exports": []}
        elif NUMBERED in each.path:
            assert answer.status_code == 404, each.name
        else:
            assert answer.status_code == 403, f"{each.name}: {answer.text}"
            assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
        check_answer(answer)


def test_people_are_seen_with_their_scope_alone(fuzzed: Fuzzed) -> None:
    key = asyncio.run(new_key(fuzzed.settings, [Scope.EVENTS_WRITE, Scope.METRICS_READ, Scope.ROWS_READ]))
    told = [each for each in closed(fuzzed) if "and `people:read`" in each.about["description"]]

    assert len(told) >= 3
    assert [fuzzed.send(each, key=key).status_code for each in told] == [403] * len(told)


def test_a_key_of_one_domain_sees_nothing_of_the_other(fuzzed: Fuzzed) -> None:
    keys = {name: asyncio.run(new_key(fuzzed.settings, [*Scope], [name])) for name in DOMAINS}
    for each in closed(fuzzed):
        if each.name == OWN or NUMBERED in each.path:
            continue
        answers = {name: fuzzed.send(each, key=key) for name, key in keys.items()}
        refused = [name for name, answer in answers.items() if answer.status_code == 403]
        assert len(refused) == 1, (each.name, {name: answer.status_code for name, answer in answers.items()})
        assert (
            f"only {'of ' if each.path.startswith(WRITING) else ''}{refused[0]}" in answers[refused[0]].json()["detail"]
        )
        check_answer(answers[refused[0]])
