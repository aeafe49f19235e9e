"""A hundred thousand hostile requests: none is answered with a 5xx, and no acknowledged event is lost."""

import asyncio
import json
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from pydantic import SecretStr

from streams.settings import Settings
from tests.support.hostile import Hostile
from tests.support.posting import ids, new_key, records
from tests.support.webs import web_process
from tests.support.wired import Wire

REQUESTS = int(os.environ.get("MILLRACE_FUZZ", "100000"))
CLIENTS = 16


@pytest.mark.faults
@pytest.mark.kafka
@pytest.mark.timeout(1800)
async def test_a_fuzzed_run(on_kafka: Settings, metadata_url: str, tmp_path: Path) -> None:
    settings = on_kafka.model_copy(update={"database_url": SecretStr(metadata_url)})
    key = await new_key(settings, requests_per_second=100_000, events_per_second=1_000_000)
    statuses, acknowledged, closed = Counter[int](), set[str](), 0

    async def client(number: int, url: str) -> None:
        nonlocal closed
        wire, hostile = Wire(url), Hostile(key, random.Random(number), made=number * 10_000_000)
        for _ in range(REQUESTS // CLIENTS):
            sent = hostile.next()
            try:
                said = await wire.say(sent)
            except ConnectionError:  # the server closes on what is no HTTP
                closed += 1
                continue
            statuses[said.status] += 1
            assert said.status < 500, (said, sent)
            if said.status == 202 and b"items=others" not in sent:
                acknowledged.update(item["id"] for item in said.content["items"] if item["status"] == "accepted")
        wire.close()

    with web_process(settings, tmp_path / "web.log") as web:
        began = time.monotonic()
        await asyncio.gather(*(client(number, web.url) for number in range(CLIENTS)))
        seconds = time.monotonic() - began
    assert statuses.total() + closed == REQUESTS // CLIENTS * CLIENTS
    assert statuses[202] > REQUESTS / 3
    found = ids(await records(str(settings.kafka_bootstrap_servers)))
    assert acknowledged <= set(found)
    facts = {"seconds": round(seconds, 1), "closed": closed, "acknowledged": len(acknowledged), "records": len(found)}
    sys.stdout.write(json.dumps({"statuses": dict(sorted(statuses.items()))} | facts) + "\n")
