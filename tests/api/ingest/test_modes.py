"""Every way to post events: what is answered, and what stands on the topics afterwards."""

import json
from typing import Any

import pytest

from api.ingest.schema import Outcome, ProblemDetails
from streams.events import registry
from streams.settings import Settings
from streams.topics import partition_of
from tests.support.posting import BATCH, NDJSON, ONE, Answer, Poster, event, ids, records

TRIP = "trip.started"


def binary(of: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    """An event in binary mode: its data, and its attributes as headers."""
    attributes = {f"ce-{name}": value for name, value in of.items() if name not in ("data", "datacontenttype")}
    return json.dumps(of["data"]).encode(), attributes


async def post_all(posting: Poster, *, compressed: bool) -> dict[str, Answer]:
    """One answer for each mode; the events have ids of their own."""
    data, attributes = binary(event("binary", TRIP))
    events = [event(f"array-{n}") for n in range(3)]
    lines = b"\n\n".join(json.dumps(event(f"line-{n}", TRIP)).encode() for n in range(3)) + b"\r\n"
    post = posting.post
    return {
        "structured": await post(event("structured"), ONE, compressed=compressed),
        "json": await post(event("json"), "application/json; charset=utf-8", compressed=compressed),
        "binary": await post(data, "application/json", compressed=compressed, headers=attributes),
        "batch": await post(events[:2], BATCH, compressed=compressed),
        "array": await post(events[2:], "application/json", compressed=compressed),
        "ndjson": await post(lines, NDJSON, "/v1/events/batch", compressed=compressed),
        "batch at batch": await post([event("both")], BATCH, "/v1/events/batch", compressed=compressed),
    }


@pytest.mark.parametrize("compressed", [False, True])
async def test_every_mode_arrives_as_other_producers_send(
    posting: Poster, ingest_settings: Settings, compressed: bool
) -> None:
    answers = await post_all(posting, compressed=compressed)
    assert {name: answer.status for name, answer in answers.items()} == dict.fromkeys(answers, 202)
    for answer in answers.values():
        Outcome.model_validate(answer.content)
        assert set(answer.statuses) == {"accepted"}
    found = await records(str(ingest_settings.kafka_bootstrap_servers))
    wanted = ["structured", "json", "binary", "array-0", "array-1", "array-2", "line-0", "line-1", "line-2", "both"]
    assert ids(found) == sorted(f"event-{name}" for name in wanted)
    for record in found:
        value = json.loads(record.value)
        spec = registry.events[value["type"]]
        key = next(value["data"][name] for name in spec.keys if value["data"].get(name) is not None)
        assert (record.topic, record.key) == (spec.topic, key.encode())
        assert record.partition == partition_of(record.key, ingest_settings.kafka_partitions)


async def test_a_structured_event_is_passed_on_byte_for_byte(posting: Poster, ingest_settings: Settings) -> None:
    body = json.dumps(event(), indent=3).encode()
    assert (await posting.post(b"  " + body + b"\n")).status == 202
    (record,) = await records(str(ingest_settings.kafka_bootstrap_servers), ["ticketing.pages"])
    assert record.value == body


async def test_values_of_binary_headers_are_percent_encoded(posting: Poster, ingest_settings: Settings) -> None:
    data, attributes = binary(event())
    answer = await posting.post(data, "application/json", headers=attributes | {"ce-subject": "Euro%20%E2%82%AC"})
    assert answer.status == 202
    (record,) = await records(str(ingest_settings.kafka_bootstrap_servers), ["ticketing.pages"])
    assert json.loads(record.value)["subject"] == "Euro €"


async def test_good_events_are_sent_although_others_are_refused(posting: Poster, ingest_settings: Settings) -> None:
    bad: list[Any] = [event(1, url=7), event(2) | {"type": "page.closed"}, "no object"]
    bad += [event(3) | {"time": "2290-01-01T00:00:00Z"}, event(4) | {"time": "1999-01-01T00:00:00Z"}]
    answer = await posting.lines([event(0), *bad, event(9)])
    assert answer.status == 202
    outcome = Outcome.model_validate(answer.content)
    assert (outcome.accepted, outcome.refused, outcome.unknown, outcome.unsent) == (2, 5, 0, 0)
    found = {item.index: (item.reason, item.field, item.id) for item in outcome.items if item.reason}
    assert found == {
        1: ("invalid", "data.url", "event-1"),
        2: ("unknown_type", "type", "event-2"),
        3: ("malformed", None, None),
        4: ("in_future", "time", "event-3"),
        5: ("too_old", "time", "event-4"),
    }
    assert outcome.known_types is not None
    assert "page.viewed" in outcome.known_types
    assert ids(await records(str(ingest_settings.kafka_bootstrap_servers))) == ["event-0", "event-9"]
    shorter = await posting.lines([event(0), *bad, event(9)], path="/v1/events/batch?items=others")
    assert [item["index"] for item in shorter.content["items"]] == [1, 2, 3, 4, 5]


async def test_a_refused_event_alone_is_a_problem(lasting: Poster) -> None:
    for answer in (
        await lasting.post(event(url=7)),
        await lasting.post(b"7", "application/json", headers={"ce-specversion": "1.0"}),
    ):
        assert answer.status == 422
        assert answer.headers["Content-Type"] == "application/problem+json"
        ProblemDetails.model_validate(answer.content)
        assert answer.content["code"] == "refused"
        assert answer.content["items"][0]["reason"] in ("invalid", "malformed")
        assert answer.content["refused"] == 1


@pytest.mark.parametrize(
    ("body", "kind", "path", "status", "code"),
    [
        (b"", ONE, "/v1/events", 400, "no_events"),
        (b"[]", BATCH, "/v1/events", 400, "no_events"),
        (b"\n \n", NDJSON, "/v1/events/batch", 400, "no_events"),
        (b"[{}", BATCH, "/v1/events", 400, "bad_batch"),
        (b"[" * 100_000, BATCH, "/v1/events", 400, "bad_batch"),
        (b'["\xff"]', BATCH, "/v1/events", 400, "bad_batch"),
        (b"{}", "text/plain", "/v1/events", 415, "unsupported_media_type"),
        (b"{}", "", "/v1/events", 415, "unsupported_media_type"),
        (b"{}", NDJSON, "/v1/events", 415, "unsupported_media_type"),
        (b"{}", ONE, "/v1/events/batch", 415, "unsupported_media_type"),
        (b"{}", "application/json; charset=latin-1", "/v1/events", 415, "unsupported_media_type"),
        (b"{}", ONE, "/v1/events?items=some", 400, "bad_parameter"),
        (b"{}", ONE, "/v1/events/other", 404, "not_found"),
    ],
)
async def test_what_is_no_batch_is_said(
    lasting: Poster, body: bytes, kind: str, path: str, status: int, code: str
) -> None:
    answer = await lasting.post(body, kind, path)
    assert (answer.status, answer.content["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    ProblemDetails.model_validate(answer.content)


async def test_documents_and_metrics_tell_of_it(lasting: Poster) -> None:
    await lasting.lines([event(0), event(1, url=7)])
    async with lasting.http.get(f"{lasting.url}/openapi.json") as answer:
        described = await answer.json()
    assert described["paths"]["/v1/events"]["post"]["security"] == [{"ApiKey": []}]
    assert "ApiKey" in described["components"]["securitySchemes"]
    async with lasting.http.get(f"{lasting.url}/health") as answer:
        assert (await answer.json())["ingestion"] == "ok"
    async with lasting.http.get(f"{lasting.url}/metrics") as answer:
        text = await answer.text()
    assert 'millrace_ingest_requests_total{mode="ndjson",status="202"}' in text
    assert 'millrace_ingest_events_total{outcome="invalid"}' in text
    assert "millrace_ingest_held_bytes 0.0" in text
