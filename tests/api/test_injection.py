"""Text that is meant to be code for somebody behind the API ends as a clear refusal or as text."""

import csv
import io
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

import pytest
import requests

from clickhouse.client import connect_sync
from tests.support.fuzzed import ENDLESS, Fuzzed, Told, check_answer, example_of

MARK: Final = "injected"
HOSTILE: Final = {
    "sql": f"{MARK}' OR 1=1; DROP TABLE events_raw; --",
    "sql comment": f"{MARK}') UNION ALL SELECT name FROM system.tables /*",
    "parameter": f"{MARK}{{begin:String}} {{{{7*7}}}} ${{jndi:ldap://127.0.0.1}} %s",
    "header": f"{MARK}\r\nX-{MARK}: 1\r\n\r\n<script>",
    "formula": f"=cmd|' /C {MARK}'!A0",
    "path": f"../../../../etc/{MARK}",
    "nul": f"{MARK}\0text",
    "unicode": f"{MARK}\u2028\ud7ff\uffff\U0001f600\u202e",
    "long": MARK * 12_000,
}


def texts(told: Told) -> Iterator[tuple[str, bool]]:
    """Parameters that take text, and whether they take several."""
    for each in told.parameters("query", "path"):
        kinds = [each["schema"], *each["schema"].get("anyOf", ())]
        if any(kind.get("type") == "array" for kind in kinds):
            yield each["name"], True
        elif any(kind.get("type") in ("string", "integer") for kind in kinds):
            yield each["name"], False


def words_of(told: Told, name: str, text: str, *, several: bool) -> Mapping[str, Any]:
    """Parameters that fit but for one; filters name what there is, so that their value reaches ClickHouse."""
    known = {each["name"]: example_of(each) for each in told.parameters("path")}
    return known | {name: [text] if several else text}


def bodies(example: Any) -> Iterator[tuple[str, Any]]:
    """A body with hostile text in place of each of its texts in turn, and how that is called."""
    for place, put in leaves(example):
        for kind, text in HOSTILE.items():
            yield f"{kind} in {place}", put(text)
        yield f"half a character in {place}", put("\ud800")


def leaves(value: Any, place: str = "") -> Iterator[tuple[str, Callable[[str], Any]]]:
    """Every text in a value, and the value with another in its place."""
    if isinstance(value, str):
        yield place, lambda text: text
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        for below, put in leaves(inner, f"{place}/{name}"):
            yield below, partial(_replaced, value, name, put)


def _replaced(value: Any, name: Any, put: Callable[[str], Any], text: str) -> Any:
    copied = value.copy()
    copied[name] = put(text)
    return copied


def tables(fuzzed: Fuzzed) -> Any:
    """Every table with its definition, and how many rows it has."""
    client = connect_sync(fuzzed.settings)
    try:
        asked = "SELECT name, create_table_query, total_rows FROM system.tables WHERE database = currentDatabase()"
        return client.query(f"{asked} ORDER BY name").result_rows
    finally:
        client.close()


def check_inert(fuzzed: Fuzzed, told: Told, answer: requests.Response) -> None:
    """Fail if the text has become a header, a formula or an error of the server."""
    assert str(answer.status_code) in told.about["responses"] or answer.status_code == 404, answer.text
    assert answer.status_code < 500, answer.text
    check_answer(answer)
    assert not [line for line in answer.headers.items() if MARK in "".join(line).lower()]
    if answer.headers["Content-Type"].startswith("text/csv"):
        cells = [cell for line in csv.reader(io.StringIO(answer.text)) for cell in line if MARK in cell]
        assert not [cell for cell in cells if cell[0] in "=+-@\t\r"]


def attack(fuzzed: Fuzzed, *, every: bool) -> int:
    """Send hostile texts in each parameter of each GET, all of them or one each; how many were sent."""
    before, sent = tables(fuzzed), 0
    for told in fuzzed.told:
        if told.method != "GET" or told.path == ENDLESS:  # a stream would be looked at until its first event each time
            continue
        for name, several in texts(told):
            # Another one for each parameter, and the same in each run.
            chosen = zlib.crc32(f"{told.name} {name}".encode()) % len(HOSTILE)
            for kind in HOSTILE if every else [[*HOSTILE][chosen]]:
                answer = fuzzed.send(told, words=words_of(told, name, HOSTILE[kind], several=several))
                try:
                    check_inert(fuzzed, told, answer)
                except AssertionError as error:
                    raise AssertionError(f"{told.name}: {kind} in {name!r}: {answer.status_code}: {error}") from error
                sent += 1
    assert tables(fuzzed) == before
    return sent


def test_hostile_text_in_any_parameter_is_refused_or_inert(fuzzed: Fuzzed) -> None:
    assert attack(fuzzed, every=False) > 200


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_every_hostile_text_in_every_parameter(fuzzed: Fuzzed) -> None:
    assert attack(fuzzed, every=True) > 1_800


def test_hostile_text_in_any_posted_word_is_refused_or_inert(fuzzed: Fuzzed) -> None:
    before, sent = tables(fuzzed), 0
    posted = [each for each in fuzzed.told if isinstance(each.example[1], dict)]
    for told in posted:
        for number, (what, body) in enumerate(bodies(told.example[1])):
            if number % 3:  # each kind and each text comes up, in a third of the time
                continue
            answer = fuzzed.send(told, body=json.dumps(body).encode())
            try:
                check_inert(fuzzed, told, answer)
            except AssertionError as error:
                raise AssertionError(f"{told.name}: {what}: {answer.status_code}: {error}") from error
            sent += 1
    assert tables(fuzzed) == before
    assert len(posted) >= 7
    assert sent > 60


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"NaN",
        b'"injected"',
        b"{",
        b"[" * 50_000,
        b'{"a":' * 20_000,
        b"\xff\xfe{}",
        b'{"\\ud800": "\\udfff"}',
        b'{"table": "ticket_sales", "column": ["\\u0000"], "metrics": 1e999}',
        b'{"domain": "rides", "from": "7d", "steps": ' + b"9" * 5_000 + b"}",
    ],
    ids=lambda body: body[:12].decode(errors="replace"),
)
def test_a_body_that_is_no_question_is_refused(fuzzed: Fuzzed, body: bytes) -> None:
    for told in fuzzed.told:
        if told.method == "POST":
            answer = fuzzed.send(told, body=body)
            check_inert(fuzzed, told, answer)
            assert answer.status_code >= 400, told.name


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_filter_that_reaches_the_store_finds_nothing(fuzzed: Fuzzed, kind: str) -> None:
    span = {"from": fuzzed.world.begin.isoformat(), "to": fuzzed.world.end.isoformat()}
    words = span | {"metric": "refunds", "by": "method", "where": f"method:{HOSTILE[kind]}", "format": "csv"}
    (told,) = [each for each in fuzzed.told if each.path == "/v1/export/metrics/payments"]

    answer = fuzzed.send(told, words=words)

    check_inert(fuzzed, told, answer)
    assert answer.status_code == 400 or answer.headers["Millrace-Rows"] == "0", answer.text


@pytest.mark.parametrize("text", [*HOSTILE.values(), "\ud800"], ids=[*HOSTILE, "half a character"])
def test_an_order_keeps_a_filter_as_text(fuzzed: Fuzzed, text: str) -> None:
    span = {"from": fuzzed.world.begin.isoformat(), "to": fuzzed.world.end.isoformat()}
    order = span | {"metrics": "payments", "metric": "refunds", "by": "method", "where": f"method:{text}"}
    (told,) = [each for each in fuzzed.told if each.name == "POST /v1/exports"]

    answer = fuzzed.send(told, body=json.dumps(order).encode())

    check_inert(fuzzed, told, answer)
    assert answer.status_code in (400, 413) or answer.json()["asked"]["where"] == [f"method:{text}"]
