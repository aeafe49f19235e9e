"""A web process that takes events, a key for it, and events to post."""

import asyncio
import contextlib
import gzip
import io
import json
import random
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import aiohttp
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from fastapi import FastAPI
from pydantic import SecretStr

from agents.consumer import stop
from metadata import migrate
from metadata.keys import Keys, Scope, Wanted
from metadata.session import connect
from streams.cli.topics import create
from streams.events import registry
from streams.events.sample import sample
from streams.settings import Settings
from streams.topics import source_topics
from tests.support.live import served
from tests.support.metadata import fresh_database
from tests.support.waiting import eventually

ONE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
NDJSON = "application/x-ndjson"
LARGE = 1_000_000
"""The client wants longer bodies as a file."""
AUTOMATIC = ("Content-Type",)
"""What the client would add by itself."""


def event(n: int | str = 0, kind: str = "page.viewed", /, **data: Any) -> dict[str, Any]:
    """A valid event that happens now; `data` replaces fields of it."""
    made: dict[str, Any] = json.loads(json.dumps(sample(registry.events[kind], random.Random(str(n)))))
    given = {"id": f"event-{n}", "source": "/tests", "time": datetime.now(UTC).isoformat(), "data": made["data"] | data}
    return made | given


def ndjson(events: Sequence[Any]) -> bytes:
    """Events as lines."""
    return b"\n".join(json.dumps(each).encode() for each in events)


@dataclass
class Answer:
    """What the web process said."""

    status: int
    content: Any
    headers: Any

    @property
    def statuses(self) -> list[str]:
        """What became of each event."""
        return [item["status"] for item in self.content["items"]]


class Poster:
    """Posts to one web process with one key."""

    def __init__(self, url: str, key: str, http: aiohttp.ClientSession, app: FastAPI) -> None:
        self.url = url
        self.key = key
        self.http = http
        self.app = app

    async def post(
        self,
        body: Any,
        kind: str = ONE,
        path: str = "/v1/events",
        *,
        compressed: bool = False,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> Answer:
        """Post JSON, or bytes, or a stream of them, as they are; a header without a value is left out."""
        data: Any = body if isinstance(body, bytes | AsyncIterator) else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {self.key}", "Content-Type": kind}
        if compressed:
            data, sent["Content-Encoding"] = gzip.compress(data), "gzip"
        if isinstance(data, bytes) and len(data) > LARGE:
            data = io.BytesIO(data)
        sent |= headers
        given = {name: value for name, value in sent.items() if value}
        async with self.http.post(self.url + path, data=data, headers=given, skip_auto_headers=AUTOMATIC) as answer:
            text = await answer.read()
            return Answer(answer.status, json.loads(text) if text else None, answer.headers)

    async def ready(self) -> None:
        """Return when the web process takes events."""

        async def reached() -> bool:
            return not self.app.state.ingestion.problem

        await eventually("the web process to reach the broker", reached)

    async def lines(self, events: Sequence[Any], path: str = "/v1/events/batch", **more: Any) -> Answer:
        """Post events as lines."""
        return await self.post(ndjson(events), NDJSON, path, **more)


async def new_key(
    settings: Settings, scopes: Sequence[Scope] = (Scope.EVENTS_WRITE,), domains: Sequence[str] = (), **more: Any
) -> str:
    """The text of a new key."""
    engine = connect(settings)
    try:
        wanted = Wanted("test", scopes, domains or ("rides", "ticketing"), **more)
        return (await Keys(engine, settings).create(wanted, "me"))[1]
    finally:
        await engine.dispose()


@contextlib.asynccontextmanager
async def poster(settings: Settings, key: str | None = None) -> AsyncIterator[Poster]:
    """A web process of its own that is ready to take events."""
    key = key or await new_key(settings)
    with served(settings) as (url, app):
        async with aiohttp.ClientSession() as http:
            made = Poster(url, key, http, app)
            await made.ready()
            yield made


@pytest.fixture
def ingest_settings(settings: Settings, metadata_url: str) -> Settings:
    """Settings of a test with a broker, its topics, and a metadata database with its tables."""
    asyncio.run(create(settings))
    return settings.model_copy(update={"database_url": SecretStr(metadata_url)})


@pytest.fixture(scope="session")
def lasting_place(stack_settings: Settings) -> Iterator[tuple[str, FastAPI, str]]:
    """Address, app and key of a web process that lives as long as the session."""
    with fresh_database(stack_settings) as url:
        settings = stack_settings.model_copy(update={"database_url": SecretStr(url), "kafka_group": "posting"})
        migrate.run(settings)
        asyncio.run(create(settings))
        key = asyncio.run(new_key(settings))
        with served(settings) as (address, app):
            yield address, app, key


@pytest.fixture
async def lasting(lasting_place: tuple[str, FastAPI, str]) -> AsyncIterator[Poster]:
    """A web process that outlives the test, for tests that do not look at what was sent: a start takes a second."""
    url, app, key = lasting_place
    async with aiohttp.ClientSession() as http:
        made = Poster(url, key, http, app)
        await made.ready()
        yield made


@pytest.fixture
async def posting(ingest_settings: Settings) -> AsyncIterator[Poster]:
    """A web process, and a key that may post everything."""
    async with poster(ingest_settings) as made:
        yield made


async def records(servers: str, topics: Sequence[str] = ()) -> list[Any]:
    """Everything that stands in these topics, or in all source topics."""
    found: list[Any] = []
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        await consumer._client.force_metadata_update()  # the first answer may not have come yet
        places = [
            TopicPartition(t, p) for t in topics or source_topics() for p in consumer.partitions_for_topic(t) or ()
        ]
        ends = await consumer.end_offsets(places)
        consumer.assign(places)
        deadline = time.monotonic() + 20
        while any([await consumer.position(place) < ends[place] for place in places]):
            assert time.monotonic() < deadline, "the records do not come"
            for batch in (await consumer.getmany(timeout_ms=100)).values():
                found += batch
    finally:
        await stop(consumer)
    return found


def ids(found: Sequence[Any]) -> list[str]:
    """Ids of the events in records, in order."""
    return sorted(json.loads(record.value)["id"] for record in found)
