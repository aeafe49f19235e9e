"""Posted events on their whole way: repeats are one row, and what was acknowledged survives kill -9 and restarts."""

import asyncio
import itertools
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import SecretStr

from deploy.local.kafka import Kafka
from streams.settings import Settings
from tests.support.found import one
from tests.support.posting import NDJSON, event, ids, ndjson, new_key, poster, records
from tests.support.waiting import eventually
from tests.support.webs import WebProcess, web_process
from tests.support.wired import Wire, request
from tests.support.workers import Crew


@dataclass
class Client:
    """Posts small batches and repeats each until it is acknowledged, as a client should."""

    url: str
    key: str
    name: str
    acknowledged: list[str] = field(default_factory=list)
    repeats: int = 0

    async def run(self, over: Callable[[], bool]) -> None:
        """Post until it is over, and the last batch is acknowledged."""
        wire, dice = Wire(self.url), random.Random(self.name)
        for n in itertools.count():
            if over():
                break
            events = [event(f"{self.name}-{n}-{m}", dice.choice(("page.viewed", "trip.started"))) for m in range(5)]
            sent = request("/v1/events/batch", self.key, NDJSON, ndjson(events))
            while not await self._acknowledged(wire, sent):
                self.repeats += 1
                await asyncio.sleep(0.05)
            self.acknowledged += [each["id"] for each in events]
        wire.close()

    async def _acknowledged(self, wire: Wire, sent: bytes) -> bool:
        try:
            said = await wire.say(sent)
        except OSError:
            return False
        assert said.status in (202, 503), said
        return said.status == 202


async def harried(web: WebProcess, key: str, seconds: float, harm: Callable[[], None]) -> list[Client]:
    """Clients that post while `harm` is done again and again."""
    clients, end = [Client(web.url, key, f"client{n}") for n in range(8)], time.monotonic() + seconds
    running = [asyncio.create_task(each.run(lambda: time.monotonic() > end)) for each in clients]
    while time.monotonic() < end:
        await asyncio.sleep(0.7)
        await asyncio.to_thread(harm)
    await asyncio.gather(*running)
    return clients


async def settled(settings: Settings, clients: list[Client], workers: Crew) -> None:
    """Everything acknowledged stands on the topics, and as one row in ClickHouse."""
    wanted = {name for client in clients for name in client.acknowledged}
    assert len(wanted) > 50
    assert sum(client.repeats for client in clients) > 0, "nothing was ever in doubt"
    assert wanted <= set(ids(await records(str(settings.kafka_bootstrap_servers))))
    worker = await asyncio.to_thread(workers.start, settings)
    await asyncio.to_thread(worker.wait_ready, 2)
    listed = "SELECT event_id FROM events_raw UNION ALL SELECT event_id FROM events"

    async def rows() -> bool:
        return int(one(settings, f"SELECT count() FROM ({listed})")) >= len(wanted)

    await eventually("the rows", rows, 60)
    assert one(settings, f"SELECT count() - uniqExact(event_id) FROM ({listed})") == 0
    assert one(settings, f"SELECT uniqExact(event_id) FROM ({listed})") >= len(wanted)


@pytest.mark.long
@pytest.mark.slow
async def test_repeats_end_as_one_row(embedded: Settings, metadata_url: str, workers: Crew) -> None:
    settings = embedded.model_copy(update={"database_url": SecretStr(metadata_url)})
    workers.start(settings).wait_ready(2)
    events = [event(n, kind) for n, kind in enumerate(("page.viewed", "trip.started", "ticket.purchased") * 10)]
    async with poster(settings) as posting:
        for again in (events, events[::-1], [*events, *events]):
            answer = await posting.lines(again)
            assert (answer.status, answer.content["accepted"]) == (202, len(again))
    both = "(SELECT count() FROM events_raw) + (SELECT count() FROM events)"

    async def rows() -> bool:
        return int(one(settings, f"SELECT {both}")) >= 30

    await eventually("the rows", rows, 30)

    async def taken() -> bool:
        (worker,) = workers.workers
        return worker.metric("millrace_events_total", outcome="duplicate") == 90

    await eventually("the repeats to be recognised", taken, 30)
    assert one(settings, f"SELECT {both}") == 30
    assert one(settings, "SELECT count() FROM dead_letters") == 0


@pytest.mark.faults
async def test_nothing_acknowledged_is_lost_when_the_web_process_is_killed(
    embedded: Settings, metadata_url: str, workers: Crew, tmp_path: Path
) -> None:
    settings = embedded.model_copy(
        update={"database_url": SecretStr(metadata_url), "kafka_group": embedded.kafka_group}
    )
    with web_process(settings, tmp_path / "web.log") as web:

        def harm() -> None:
            web.kill()
            web.start()

        clients = await harried(web, await new_key(settings), 2, harm)
    await settled(settings, clients, workers)


@pytest.mark.faults
@pytest.mark.kafka
async def test_nothing_acknowledged_is_lost_over_restarts_of_web_and_broker(
    on_own_kafka: Settings, own_kafka: Kafka, metadata_url: str, workers: Crew, tmp_path: Path
) -> None:
    more = {"database_url": SecretStr(metadata_url), "ingest_ack_seconds": 2.0, "ingest_stalled_seconds": 1.0}
    settings = on_own_kafka.model_copy(update=more)
    dice = random.Random(5)
    with web_process(settings, tmp_path / "web.log") as web:

        def harm() -> None:
            if dice.random() < 0.4:
                web.kill()
                web.start()
                return
            (own_kafka.kill if dice.random() < 0.5 else own_kafka.stop)()
            time.sleep(dice.random() * 3)
            own_kafka.start()

        clients = await harried(web, await new_key(settings), 60, harm)
    await settled(settings, clients, workers)
