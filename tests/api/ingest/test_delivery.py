"""What clients are told while the broker is away, stalls, has no topic or wants no such record; and that it mends."""

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from pydantic import SecretStr

from deploy.local.broker import Broker, ping
from deploy.local.process import Process, free_port
from streams.cli.topics import create
from streams.settings import Settings
from tests.support.live import served
from tests.support.posting import Poster, event, ids, new_key, poster, records
from tests.support.waiting import eventually, until

IMPATIENT = {"ingest_ack_seconds": 2.0, "ingest_stalled_seconds": 0.3}


class OwnBroker:
    """A broker on a port of its own, which a test can start late, let stall, and let go on."""

    def __init__(self, log: Path) -> None:
        self.port = free_port()
        self.url = f"127.0.0.1:{self.port}"
        self._process = Process(Broker().command(self.port), log / "broker.log")

    def start(self) -> None:
        self._process.start()

        def answers() -> bool:
            with contextlib.suppress(OSError):
                ping(self.url)
                return True
            return False

        until("the broker to answer", answers)

    def pause(self) -> None:
        os.kill(self._process.pid, signal.SIGSTOP)
        stopped = Path(f"/proc/{self._process.pid}/stat")
        until("the broker to stand still", lambda: stopped.read_text().rpartition(")")[2].split()[0] == "T")

    def resume(self) -> None:
        os.kill(self._process.pid, signal.SIGCONT)

    def stop(self) -> None:
        if self._process.running:
            self.resume()
        self._process.stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[OwnBroker]:
    made = OwnBroker(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def apart(stack_settings: Settings, metadata_url: str, broker: OwnBroker) -> Settings:
    """Settings of a test with that broker, which is not started yet."""
    own = {"kafka_bootstrap_servers": broker.url, "database_url": SecretStr(metadata_url), "kafka_group": broker.url}
    return stack_settings.model_copy(update=own | IMPATIENT)


@contextlib.asynccontextmanager
async def running(settings: Settings, broker: OwnBroker) -> AsyncIterator[Poster]:
    """A web process once broker and topics are there."""
    await asyncio.to_thread(broker.start)
    await create(settings)
    async with poster(settings) as made:
        yield made


async def recovered(posting: Poster) -> None:
    """Wait for an event to be accepted again."""

    async def accepted() -> bool:
        return (await posting.post(event("after"))).status == 202

    await eventually("events to be accepted again", accepted)


async def test_a_broker_that_stalls(apart: Settings, broker: OwnBroker) -> None:
    async with running(apart, broker) as posting:
        assert (await posting.post(event("before"))).status == 202
        broker.pause()
        in_doubt = await posting.lines([event("doubt"), event("bad", url=7)])
        assert (in_doubt.status, in_doubt.content["code"]) == (503, "broker_unavailable")
        assert in_doubt.statuses == ["unknown", "refused"]
        assert int(in_doubt.headers["Retry-After"]) >= 1
        assert "1 may or may not have arrived" in in_doubt.content["detail"]
        began = time.monotonic()
        at_once = await posting.post(event("not sent"))
        assert (at_once.status, "items" in at_once.content) == (503, False)
        assert "Nothing was sent" in at_once.content["detail"]
        assert time.monotonic() - began < IMPATIENT["ingest_ack_seconds"]
        broker.resume()
        await recovered(posting)
        assert (await posting.post(event("doubt"))).status == 202
    found = ids(await records(broker.url))
    assert "event-not sent" not in found
    assert {"event-before", "event-doubt", "event-after"} == set(found)


async def test_a_buffer_that_is_full(apart: Settings, broker: OwnBroker) -> None:
    limits = {"ingest_buffer_bytes": 150_000, "ingest_stalled_seconds": 60.0, "ingest_ack_seconds": 0.3}
    async with running(apart.model_copy(update=limits), broker) as posting:
        broker.pause()
        big = [event(n, url="/" + "x" * 8000) for n in range(4)]
        codes: list[str] = []
        while "buffer_full" not in codes and len(codes) < 20:
            answer = await posting.lines(big)
            assert answer.status == 503
            full = answer.content["code"] == "buffer_full" or "INGEST_BUFFER_BYTES" in answer.content["detail"]
            codes.append("buffer_full" if full else "in_doubt")
        assert codes[-1] == "buffer_full"
        assert codes.count("in_doubt") in (1, 2, 3)
        broker.resume()
        await recovered(posting)


async def test_a_broker_that_comes_late(apart: Settings, broker: OwnBroker) -> None:
    key = await new_key(apart)
    with served(apart) as (url, app):
        async with aiohttp.ClientSession() as http:
            posting = Poster(url, key, http, app)
            answer = await posting.post(event())
            assert (answer.status, answer.content["code"]) == (503, "broker_unavailable")
            assert f"KAFKA_BOOTSTRAP_SERVERS={broker.url}" in answer.content["detail"]
            await asyncio.to_thread(broker.start)
            await posting.ready()
            answer = await posting.post(event())
            assert (answer.status, "topics create" in answer.content["detail"]) == (503, True)
            await create(apart)
            await recovered(posting)


async def test_a_web_process_without_a_database_says_so(lasting: Poster, stack_settings: Settings) -> None:
    with served(stack_settings.model_copy(update={"database_url": None})) as (url, app):
        posting = Poster(url, lasting.key, lasting.http, app)
        answer = await posting.post(event())
        assert (answer.status, answer.content["code"]) == (503, "not_configured")
        assert "DATABASE_URL" in answer.content["detail"]


async def test_concurrent_requests_share_batches_and_each_gets_its_own_verdicts(
    posting: Poster, ingest_settings: Settings
) -> None:
    answers = await asyncio.gather(
        *(posting.lines([spoiled(event(f"{n}-{m}"), m == n % 3) for m in range(3)]) for n in range(40))
    )
    for n, answer in enumerate(answers):
        assert answer.status == 202, answer.content
        assert [item["id"] for item in answer.content["items"]] == [f"event-{n}-{m}" for m in range(3)]
        assert [index for index, status in enumerate(answer.statuses) if status == "refused"] == [n % 3]
    found = ids(await records(str(ingest_settings.kafka_bootstrap_servers)))
    assert found == sorted(f"event-{n}-{m}" for n in range(40) for m in range(3) if m != n % 3)


def spoiled(good: dict[str, Any], really: bool) -> dict[str, Any]:
    """The same event, or one that is refused."""
    return good | {"data": {}} if really else good


@pytest.mark.long
@pytest.mark.kafka
async def test_a_record_that_the_broker_refuses_does_not_harm_the_next(
    kafka_settings: Settings, metadata_url: str
) -> None:
    """An idempotent producer that was refused a batch has lost count, and would be refused all that follows."""
    settings = kafka_settings.model_copy(update={"database_url": SecretStr(metadata_url)})
    await create(settings)
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    await admin.start()
    narrow = {"max.message.bytes": "20000"}
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, "ticketing.pages", configs=narrow)])
    await admin.close()
    async with poster(settings) as posting:
        assert posting.app.state.ingestion._parts.publisher.idempotent

        first = [await posting.post(event(n)) for n in range(5)]  # so that the broker counts from here

        async def too_large() -> bool:
            large = json.dumps(event("large")).encode()[:-1] + b', "more": "' + b"x" * 30_000 + b'"}'
            answer = await posting.post(large)
            return answer.status == 422 and "no message of that size" in answer.content["items"][0]["message"]

        await eventually("the broker to refuse it", too_large)
        await posting.ready()
        answers = first + [await posting.post(event(n)) for n in range(5, 10)]
        assert [answer.status for answer in answers] == [202] * 10
    found = [name for name in ids(await records(str(settings.kafka_bootstrap_servers))) if name != "event-large"]
    assert found == [f"event-{n}" for n in range(10)]
