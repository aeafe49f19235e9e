"""Whatever a body or a header holds, the answer is never a 5xx, and every event has one verdict, the worker's own."""

import asyncio
import gzip
import json
import random
from collections.abc import Sequence

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.ingest.judge import Policy, judge
from streams import codec
from streams.codec import Refusal, spec_of
from streams.events import registry
from tests.strategies import adversarial_bytes, broken_events, valid_events
from tests.support.hostile import KINDS, ODD, PATHS, Hostile
from tests.support.posting import Poster
from tests.support.wired import Said, Wire, request

FAST = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
LIMIT = 1_000_000
TIMELESS = Policy(LIMIT, skew_seconds=1e10, cold_days=500_000)
"""Without the skew, which the worker judges later, by the same function."""

good = valid_events().map(lambda made: json.dumps(made[1]).encode())
values = st.lists(st.one_of(good, broken_events(), adversarial_bytes()), min_size=1, max_size=6)
headers = st.dictionaries(
    st.sampled_from(("ce-specversion", "ce-id", "ce-type", "ce-source", "ce-time", "ce-x", "Content-Encoding")),
    st.one_of(st.sampled_from(ODD), st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20)),
)


@FAST
@given(values)
def test_the_verdict_is_the_workers(given_values: list[bytes]) -> None:
    for value, ours in zip(given_values, asyncio.run(judge(given_values, TIMELESS)), strict=True):
        if isinstance(ours, Refusal):
            spec = registry.events.get(ours.event_type or "")
            topic = spec.topic if spec is not None else "rides.trip"
            assert codec.decode_values([value], topic, LIMIT) == [ours]
        else:
            assert codec.decode_values([value], spec_of(type(ours)).topic, LIMIT) == [ours]


def said(url: str, sent: Sequence[bytes]) -> list[Said]:
    """The answers to requests on one connection."""

    async def run() -> list[Said]:
        wire = Wire(url)
        try:
            return [await wire.say(each) for each in sent]
        finally:
            wire.close()

    return asyncio.run(run())


def check(answer: Said) -> None:
    """No 5xx, and as many verdicts as events."""
    assert answer.status < 500, answer
    if answer.status in (202, 422):
        content = answer.content
        assert content["accepted"] + content["refused"] >= max(1, len(content["items"]))
        assert content["unknown"] == content["unsent"] == 0
        assert all((item["status"] == "accepted") != ("reason" in item) for item in content["items"])


# hypothesis takes what the server's thread draws from `random` for a strategy's own
@pytest.mark.filterwarnings("ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning")
@FAST
@given(
    body=st.one_of(values.map(b"\n".join), values.map(lambda v: b"[" + b",".join(v) + b"]"), st.binary(max_size=300)),
    kind=st.sampled_from(KINDS),
    path=st.sampled_from(PATHS),
    more=headers,
    compressed=st.booleans(),
)
def test_no_body_and_no_header_is_too_much(
    lasting_place: tuple[str, FastAPI, str], body: bytes, kind: str, path: str, more: dict[str, str], compressed: bool
) -> None:
    url, _, key = lasting_place
    sent = gzip.compress(body) if compressed else body
    more = {name: value.encode("latin-1", "replace").decode("latin-1") for name, value in more.items()}
    (answer,) = said(url, [request(path, key, kind, sent, more | ({"Content-Encoding": "gzip"} if compressed else {}))])
    check(answer)


async def test_requests_that_mean_harm(lasting: Poster) -> None:
    """A hundredth of the run of tests/end_to_end/test_fuzz.py."""
    wire, hostile = Wire(lasting.url), Hostile(lasting.key, random.Random(11))
    statuses = set[int]()
    for _ in range(1000):
        try:
            answer = await wire.say(hostile.next())
        except ConnectionError:  # the server closes on what is no HTTP
            continue
        check(answer)
        statuses.add(answer.status)
    wire.close()
    assert statuses >= {202, 400, 401, 415, 422}
