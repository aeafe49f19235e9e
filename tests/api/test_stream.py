"""Both streams over real sockets: the very answer of REST, the newest for the slow, problems told, nobody forgotten."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import aiohttp
import pytest
import redis.asyncio
from fastapi import FastAPI

from api.feed import Feeds, Message
from streams.settings import Settings
from tables.declared import declared
from tables.panes import Panes
from tables.publish import Publisher
from tables.wire import Status, news_channel
from tests.support.live import Published, cut_off, rides, served, ticketing
from tests.support.waiting import eventually

TOPICS = ("realtime", "dashboard", "rides.payments.by_zone.5m")
ADDRESSES = {
    "realtime": "/v1/metrics/realtime",
    "dashboard": "/v1/live/dashboard",
    "rides.payments.by_zone.5m": "/v1/live/windows/rides.payments.by_zone.5m",
}
ASKED = "&".join(f"topic={topic}" for topic in TOPICS)


@pytest.fixture
def web(published: Published, redis_url: str) -> Iterator[tuple[str, FastAPI]]:
    """The web process, with numbers that stand still long enough to be compared."""
    now = time.time()
    events = [*rides(100, now), *ticketing(100, now)]
    for shard in (0, 1):
        published.events(shard, events[shard::2])
        published.status(shard)
    settings = Settings(redis_url=redis_url, kafka_group=published.group, live_interval_seconds=0.1)
    with served(settings) as (url, app):
        app.state.numbers.live.cache_seconds = 60
        yield url, app


async def sse(answer: aiohttp.ClientResponse, count: int) -> list[tuple[str, str]]:
    """The next events of a stream: name and data."""
    found: list[tuple[str, str]] = []
    name = ""
    async for line in answer.content:
        text = line.decode().rstrip("\n")
        if text.startswith("event: "):
            name = text.removeprefix("event: ")
        elif text.startswith("data: "):
            found.append((name, text.removeprefix("data: ")))
            if len(found) == count:
                break
    return found


async def test_streams_say_what_rest_says(web: tuple[str, FastAPI]) -> None:
    url, app = web
    async with aiohttp.ClientSession(url, read_bufsize=1 << 22) as http:
        rest = {topic: await (await http.get(address)).text() for topic, address in ADDRESSES.items()}
        async with http.get(f"/v1/live/stream?{ASKED}") as answer:
            assert answer.content_type == "text/event-stream"
            events = dict(await sse(answer, 3))
        async with http.ws_connect(f"/v1/live/ws?{ASKED}") as socket:
            messages = [json.loads(await socket.receive_str()) for _ in TOPICS]
        assert events == rest
        assert {each["topic"]: each["data"] for each in messages} == {t: json.loads(rest[t]) for t in TOPICS}

        async def alone() -> bool:
            return bool(app.state.feeds.listeners == 0)

        await eventually("both streams to be let go", alone)


async def test_streams_go_on_with_new_numbers(published: Published, web: tuple[str, FastAPI]) -> None:
    url, app = web
    app.state.numbers.live.cache_seconds = 0
    async with (
        aiohttp.ClientSession(url, read_bufsize=1 << 22) as http,
        http.get("/v1/live/stream?topic=rides.bookings.1h") as answer,
    ):
        (first,) = await sse(answer, 1)
        before = json.loads(first[1])["rows"][0]["values"]["created"]
        published.events(0, rides(500, time.time(), minutes=8))
        now = before
        assert before < 400
        while now < 400:
            ((_, data),) = await sse(answer, 1)
            now = json.loads(data)["rows"][0]["values"]["created"]


async def test_new_numbers_are_told_at_once_also_after_an_outage(published: Published, redis_url: str) -> None:
    group, channel = published.group, news_channel(published.group)
    client = redis.asyncio.Redis.from_url(redis_url)
    publisher = Publisher(client, group, Panes(0, declared, {}))

    async def heard() -> bool:
        return bool((await client.pubsub_numsub(channel))[0][1] == 1)

    with cut_off(redis_url) as (behind, way):
        settings = Settings(redis_url=behind, kafka_group=group, live_interval_seconds=3600)
        with served(settings) as (url, _):
            for seq in (1, 2):
                await eventually("the server to listen for news", heard)
                async with (
                    asyncio.timeout(20),
                    aiohttp.ClientSession(url, read_bufsize=1 << 22) as http,
                    http.get("/v1/live/stream") as answer,
                ):
                    await sse(answer, 1)
                    status = Status(as_of=int(time.time() * 1000), state=f"state {seq}")
                    assert await publisher.publish(seq, status, {}, ())
                    ((_, data),) = await sse(answer, 1)
                    assert f"state {seq}" in data
                way.refuse()
                await eventually("the connection to be gone", gone(heard))
                way.accept()
    await client.aclose()


def gone(there: Callable[[], Awaitable[bool]]) -> Callable[[], Awaitable[bool]]:
    """The opposite."""

    async def check() -> bool:
        return not await there()

    return check


async def test_a_slow_client_gets_the_newest_only() -> None:
    made = 0
    enough = asyncio.Event()

    async def produce() -> Message:
        nonlocal made
        made += 1
        if made == 50:
            enough.set()
        return "numbers", str(made).encode()

    feeds = Feeds(0.001)
    with feeds.listen([("numbers", produce)]) as slow, feeds.listen([("numbers", produce)]) as fast:
        seen = 0
        while not enough.is_set():
            seen += len(await fast.take())
        taken = await slow.take()
        assert int(taken["numbers"][1]) >= 50
        assert (len(taken), slow.replaced >= 49) == (1, True)
        assert seen > 25
    assert feeds.listeners == 0


@pytest.mark.parametrize("kind", ["stream", "ws"])
async def test_a_client_that_does_not_read_holds_up_nobody(web: tuple[str, FastAPI], kind: str) -> None:
    url, app = web
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    lines = [f"GET /v1/live/{kind}?topic=dashboard HTTP/1.1", f"Host: {host}:{port}"]
    if kind == "ws":
        lines += ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
        lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    await reader.readline()

    async def dropped() -> bool:
        return any(mailbox.replaced > 2 for mailbox in app.state.feeds.mailboxes("dashboard"))

    app.state.feeds.seconds = 0.002
    await eventually("messages to be replaced by newer ones", dropped)
    async with aiohttp.ClientSession(url, read_bufsize=1 << 22) as http, http.get("/v1/live/stream") as answer:
        assert len(await sse(answer, 2)) == 2
    writer.close()

    async def alone() -> bool:
        return bool(app.state.feeds.listeners == 0)

    await eventually("the slow client to be let go", alone, 30)


async def test_an_outage_is_told_and_the_stream_goes_on(published: Published, redis_url: str) -> None:
    published.status(0)
    with cut_off(redis_url) as (behind, way):
        settings = Settings(redis_url=behind, kafka_group=published.group, live_interval_seconds=0.05)
        with served(settings) as (url, _):
            async with aiohttp.ClientSession(url, read_bufsize=1 << 22) as http, http.get("/v1/live/stream") as answer:
                assert [name for name, _ in await sse(answer, 1)] == ["realtime"]
                way.refuse()
                problem = await first(answer, "problem")
                assert json.loads(problem)["code"] == "live_unavailable"
                way.accept()
                assert json.loads(await first(answer, "realtime"))["shards"]


async def first(answer: aiohttp.ClientResponse, wanted: str) -> str:
    """The data of the next event of this name."""
    while True:
        ((name, data),) = await sse(answer, 1)
        if name == wanted:
            return data


async def test_what_a_client_says_is_passed_over(web: tuple[str, FastAPI]) -> None:
    async with aiohttp.ClientSession(web[0]) as http, http.ws_connect("/v1/live/ws?topic=rides.bookings.1h") as socket:
        await socket.receive_str()
        await socket.send_bytes(bytes(range(256)))
        await socket.send_str("[")
        for _ in range(3):
            assert json.loads(await socket.receive_str())["topic"] == "rides.bookings.1h"


async def test_a_wrong_topic_closes_the_socket_with_its_reason(web: tuple[str, FastAPI]) -> None:
    async with aiohttp.ClientSession(web[0]) as http, http.ws_connect("/v1/live/ws?topic=rides.trip.1m") as socket:
        said: Any = json.loads(await socket.receive_str())
        assert "rides.trips.1m" in said["data"]["near"]
        assert (await socket.receive()).data == 1008
