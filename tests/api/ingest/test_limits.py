"""Limits: bytes, events, bombs, rates over all processes, requests at a time; each says when to come again."""

import asyncio
import contextlib
import gzip
import json
import secrets
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis.asyncio

from api.ingest import limits as limits_of
from api.ingest.body import Inflater
from api.ingest.limits import Bucket, Limits
from api.problems import Problem
from streams.settings import Settings
from tests.support.live import cut_off
from tests.support.posting import NDJSON, Answer, Poster, event, ids, ndjson, new_key, poster, records
from tests.support.waiting import eventually


@contextlib.asynccontextmanager
async def narrow(settings: Settings, **more: Any) -> AsyncIterator[Poster]:
    async with poster(settings.model_copy(update=more)) as made:
        yield made


def refused(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, answer.content["code"]) == (status, code)
    if status in (429, 503):
        assert int(answer.headers["Retry-After"]) == answer.content["retry_after_seconds"] >= 1


async def test_bytes_events_and_bytes_of_an_event(ingest_settings: Settings) -> None:
    narrowed = {"ingest_body_bytes": 40_000, "ingest_items": 5, "event_bytes_limit": 5000}
    async with narrow(ingest_settings, **narrowed) as posting:
        refused(await posting.post(b" " * 40_001), 413, "body_too_large")
        refused(await posting.post(chunked(b" " * 10_000, 5)), 413, "body_too_large")
        refused(await posting.post(b" " * 40_001, compressed=True), 413, "body_too_large")
        refused(await posting.lines([event(n) for n in range(6)]), 413, "too_many_events")
        refused(await posting.post(b"\n" * 30_000, NDJSON, "/v1/events/batch"), 413, "too_many_events")
        answer = await posting.lines([event(0), event(1, url="https://x.example/" + "y" * 4000)])
        assert answer.statuses == ["accepted", "refused"]
        assert "the limit is 3976" in answer.content["items"][1]["message"]
        assert (await posting.lines([event(n) for n in range(5)])).status == 202


def chunked(part: bytes, times: int) -> Any:
    """A body whose length is not announced."""

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(times):
            yield part

    return parts()


@pytest.mark.parametrize(
    ("body", "encoding", "status", "code"),
    [
        (gzip.compress(b"\n" * 100_000_000, 1), "gzip", 413, "body_too_large"),
        (b"no gzip", "gzip", 400, "bad_gzip"),
        (gzip.compress(b"{}")[:-4], "gzip", 400, "bad_gzip"),
        (b"", "gzip", 400, "bad_gzip"),
        (gzip.compress(b"") * 1001, "gzip", 400, "bad_gzip"),
        (b"{}", "br", 415, "unsupported_encoding"),
    ],
    ids=["bomb", "none", "cut", "empty", "many", "brotli"],
)
async def test_encodings(lasting: Poster, body: bytes, encoding: str, status: int, code: str) -> None:
    answer = await lasting.post(body, NDJSON, "/v1/events/batch", headers={"Content-Encoding": encoding})
    refused(answer, status, code)


def test_a_bomb_is_refused_as_it_grows() -> None:
    bomb = gzip.compress(gzip.compress(b"0" * 100_000_000))
    assert len(bomb) < 2000
    inner = Inflater(10**6)
    with pytest.raises(Problem, match="may have 1000"):
        inner.feed(gzip.compress(b"0" * 10**8)[:200_000]), Inflater(1000).feed(gzip.compress(b"0" * 10**6))
    assert inner.size <= 10**6 + 1


def test_gzip_in_parts_and_in_members_is_the_same() -> None:
    whole = gzip.compress(b"first") + gzip.compress(b"second")
    inflater = Inflater(100)
    assert b"".join(inflater.feed(whole[n : n + 1]) for n in range(len(whole))) == b"firstsecond"
    inflater.end()


async def test_a_key_that_is_too_fast(posting: Poster, ingest_settings: Settings) -> None:
    posting.key = await new_key(ingest_settings, events_per_second=10)
    assert (await posting.lines([event(f"a{n}") for n in range(15)])).status == 202
    answer = await posting.lines([event(f"b{n}") for n in range(15)])
    refused(answer, 429, "too_fast")
    assert answer.content["limit"] == 10
    assert ids(await records(str(ingest_settings.kafka_bootstrap_servers))) == sorted(f"event-a{n}" for n in range(15))
    posting.key = await new_key(ingest_settings, requests_per_second=1)
    assert [(await posting.post(event())).status for _ in range(3)] == [202, 202, 429]


async def test_more_requests_than_allowed_at_a_time(ingest_settings: Settings) -> None:
    more = {"ingest_concurrency": 1, "ingest_read_seconds": 0.5}
    async with narrow(ingest_settings, **more) as posting:
        async with begun(posting) as connection:
            refused(await posting.post(event()), 503, "busy")
            said = await asyncio.to_thread(connection.makefile("rb").read)
            assert said.startswith(b"HTTP/1.1 408 ")
            assert b'"code":"too_slow"' in said
        assert (await posting.post(event())).status == 202


@contextlib.asynccontextmanager
async def begun(posting: Poster) -> AsyncIterator[socket.socket]:
    """A request whose body does not go on, once the web process works on it."""
    host, port = posting.url.removeprefix("http://").split(":")
    head = f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {posting.key}\r\n"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{".encode())

        async def there() -> bool:
            return bool(posting.app.state.ingestion._underway == 1)

        await eventually("the request to be under way", there)
        yield connection


async def test_more_bytes_than_may_be_held(ingest_settings: Settings) -> None:
    async with narrow(ingest_settings, ingest_buffer_bytes=20_000) as posting:
        refused(await posting.post(b" " * 15_000), 503, "buffer_full")
        refused(await posting.lines([event(n, url="/" + "x" * 7000) for n in range(2)]), 503, "buffer_full")
        assert (await posting.post(event())).status == 202
        assert posting.app.state.ingestion._budget.held == 0


async def test_a_client_that_goes_away_leaves_nothing(ingest_settings: Settings) -> None:
    async with poster(ingest_settings) as posting:
        async with begun(posting):
            pass

        async def gone() -> bool:
            ingestion = posting.app.state.ingestion
            return bool(ingestion._underway == 0 and ingestion._budget.held == 0)

        await eventually("the request to be over", gone)
        assert (await posting.post(event())).status == 202


@pytest.mark.parametrize("rate", [3, 1000])
async def test_processes_share_the_buckets(redis_url: str, rate: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # On a full machine Redis would count as away, and each would count for itself.
    monkeypatch.setattr(limits_of, "ANSWER_SECONDS", 60.0)
    group, clients = secrets.token_hex(4), [redis.asyncio.Redis.from_url(redis_url) for _ in range(3)]
    several = [Limits(client, group) for client in clients]
    taken, ended, began = 0, set[int](), time.monotonic()
    for turn in range(100 * rate):
        if len(ended) == 3:
            break
        if await several[turn % 3].take("key", 1, rate):
            ended.add(turn % 3)
        else:
            taken += 1
    allowed = rate * (2 + time.monotonic() - began)
    # A process may take what it needs, or have a tenth of a second's tokens that it did not spend.
    assert allowed - 3 * (0.1 * rate + 1) - 1 <= taken <= allowed + 1
    for client in clients:
        await client.aclose()


async def test_many_requests_at_once_take_no_more_than_they_need(redis_url: str) -> None:
    client = redis.asyncio.Redis.from_url(redis_url)
    limits = Limits(client, secrets.token_hex(4))
    found = await asyncio.gather(*(limits.take("key", 1, 100) for _ in range(150)))
    assert found == [0.0] * 150
    await client.aclose()


async def test_a_batch_above_the_bucket_is_taken_when_it_is_full_and_owed_then(redis_url: str) -> None:
    client = redis.asyncio.Redis.from_url(redis_url)
    limits = Limits(client, secrets.token_hex(4))
    assert await limits.take("key", 100, 10) == 0
    assert 9 < await limits.take("key", 20, 10) <= 10
    bucket = Bucket(10)
    assert bucket.take(100, 5.0) == 0
    assert bucket.take(20, 5.0) == pytest.approx(10)
    assert bucket.take(20, 15.0) == 0
    await client.aclose()


async def test_without_redis_each_process_counts_for_itself(redis_url: str) -> None:
    with cut_off(redis_url) as (behind, way):
        client = redis.asyncio.Redis.from_url(behind, socket_timeout=1)
        limits = Limits(client, secrets.token_hex(4))
        assert await limits.take("key", 20, 10) == 0
        way.refuse()
        began = time.monotonic()
        found = [await limits.take("key", 1, 10) for _ in range(30)]
        assert time.monotonic() - began < 1
        assert (found[0], found[-1] > 0) == (0, True)
        assert 19 <= found.count(0) <= 30
        await client.aclose()


async def test_events_at_the_limit_of_bytes_arrive(lasting: Poster) -> None:
    """The largest event that is let in is one that a broker takes."""
    limit = Settings().event_bytes_limit - 1024
    body = json.dumps(event("large")).encode()[:-1] + b', "more": "'
    body += b"x" * (limit - len(body) - 2) + b'"}'
    assert len(body) == limit
    assert (await lasting.post(body)).status == 202
    assert (await lasting.post(body + b" ")).status == 202
    assert (await lasting.post(body[:-2] + b'x"}')).status == 422
    assert len(ndjson([event()])) < limit
