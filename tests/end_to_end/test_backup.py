"""A backup in the middle of the stream, ClickHouse lost whole, restored, and the workers back: every event once."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from clickhouse.client import connect
from clickhouse.feeds import targets
from clickhouse.reconcile import reconcile
from deploy.local.part import Part
from streams.settings import Settings
from streams.world.truth import expected
from tests.end_to_end.conftest import prepared
from tests.support.found import assert_exact, moved_on, wait_for
from tests.support.lost import lose
from tests.support.producers import sending
from tests.support.waiting import until
from tests.support.workers import Crew, environment

pytestmark = [pytest.mark.slow, pytest.mark.faults, pytest.mark.timeout(300)]

RATE = 400


async def differing(settings: Settings) -> list[str]:
    """Tables that are not what the raw rows say."""
    client = await connect(settings)
    try:
        found = await reconcile(client, list((await targets(client)).values()), lambda _: True, lambda *_: None)
    finally:
        await client.close()
    assert sum(each.compared for each in found) > 10
    return [each.target.name for each in found if each.days]


def call(settings: Settings, *words: str) -> dict[str, Any]:
    """What a command of `millrace backup` prints."""
    env = {**os.environ, **environment(settings)}
    argv = [sys.executable, "-m", "streams.cli", "backup", *words, "--json"]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=150)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def lost_and_found(settings: Settings, server: Part, folder: Path, workers: Crew) -> None:
    """The whole proof on the broker of these settings."""
    settings = prepared(
        settings.model_copy(
            update={"clickhouse_url": server.url, "backup_folder": str(folder / "backups"), "batch_rows": 500}
        )
    )
    worker = workers.start(settings).wait_ready(settings.kafka_partitions)
    faults = ("--invalid", "0.01", "--duplicate", "0.01", "--late", "0.02", "--seed", "31")
    with sending(settings, "load", "--rate", str(RATE), "--count", "0", *faults) as producer:
        until("rows", lambda: moved_on(settings) > 5 * RATE, 60)
        taken = call(settings, "create", "--only", "clickhouse")
        stood = moved_on(settings)
        until("many batches more", lambda: moved_on(settings) > stood + 10 * RATE, 60)
        lose(server, folder / "clickhouse")
        assert workers.stop() == [0]
        back = call(settings, "restore", "--yes", "--workers-gone")
        assert back["id"] == taken["id"]
        assert all(back["shards"].values()), "every shard goes on with a chain of its own"
        assert 0 < moved_on(settings) < stood + RATE
        worker.start().wait_ready(settings.kafka_partitions)
        until("more than before", lambda: moved_on(settings) > stood + 10 * RATE, 60)
        wanted = expected(producer.stop())
    wait_for(settings, wanted, 90)
    assert workers.stop() == [0]
    assert_exact(settings, wanted)
    assert min(wanted["duplicates"], sum(wanted["dead_letters"].values())) > 0
    assert asyncio.run(differing(settings)) == []


@pytest.mark.kafka
def test_a_lost_clickhouse_comes_back_on_apache_kafka(
    on_kafka: Settings, own_clickhouse: Part, workers: Crew, tmp_path: Path
) -> None:
    lost_and_found(on_kafka, own_clickhouse, tmp_path, workers)


def test_a_lost_clickhouse_comes_back_on_the_embedded_broker(
    settings: Settings, home: Path, own_clickhouse: Part, workers: Crew, tmp_path: Path
) -> None:
    """The broker has not been restarted, so it still has everything."""
    lost_and_found(settings.model_copy(update={"millrace_home": home}), own_clickhouse, tmp_path, workers)
