"""`millrace up` as a user meets it: JSON, totals that add up, and nothing left behind however it ends."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from deploy.local.clickhouse_part import ask
from streams.events import registry
from streams.events.sample import sample
from tests.support.processes import alive, on_tmpfs, shared_memory_of, tree
from tests.support.waiting import until

UP = [sys.executable, "-m", "streams.cli", "up", "--json", "--demo", "none"]


@contextmanager
def up(home: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A running `millrace up` and its first line."""
    command = [*UP, "--home", str(home), *more]
    env = {**os.environ, "WORKER_STOP_SECONDS": "2"}
    with (
        (home.parent / "stderr").open("w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=env) as process,
    ):
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line, (home.parent / "stderr").read_text()
            yield process, json.loads(line)
        finally:
            process.kill()


async def send(servers: str, count: int) -> None:
    """Send page views, one of them broken and one of them twice."""
    spec, dice = registry.events["page.viewed"], random.Random(7)
    values = [json.dumps(sample(spec, dice)).encode() for _ in range(count - 2)]
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        for value in [*values, b"{", values[0]]:
            await producer.send(spec.topic, value, key=b"one", partition=0)


def test_totals_are_exact_and_stdout_holds_two_lines(tmp_path: Path) -> None:
    before = on_tmpfs()
    with up(tmp_path / "home") as (process, first):
        urls = first["urls"]
        assert set(urls) == {"broker", "clickhouse", "redis", "postgres", "workers"}
        asyncio.run(send(urls["broker"], 500))
        query = f"SELECT count() FROM {first['database']}.page_views"
        until("the rows", lambda: ask(urls["clickhouse"], query) == "498\n")
        pids = tree(process.pid)[1:]
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        totals = json.loads(process.stdout.read())
        assert process.wait(30) == 0
    assert totals["rows"]["events"] == totals["rows"]["page_views"] == 498
    assert sum(totals["rows"].values()) == 2 * 498
    assert totals["dead_letters"] == {"malformed": 1}
    assert (totals["duplicates"], totals["sampled_out"], totals["sent"]) == (1, 0, 0)
    assert 0 < totals["freshness_p95_seconds"] < 60
    assert alive(pids) == []
    assert on_tmpfs() <= before


@pytest.mark.parametrize("ending", ["ctrl-c twice", "SIGTERM", "SIGKILL"])
def test_nothing_is_left_behind(tmp_path: Path, ending: str) -> None:
    before = on_tmpfs()
    with up(tmp_path / "home") as (process, _):
        pids = tree(process.pid)[1:]
        assert len(pids) >= 10
        for number in {
            "ctrl-c twice": [signal.SIGINT, signal.SIGINT],
            "SIGTERM": [signal.SIGTERM],
            "SIGKILL": [signal.SIGKILL],
        }[ending]:
            process.send_signal(number)
        process.wait(60)
    until("every process to end", lambda: not alive(pids), 40)
    assert on_tmpfs() <= before
    assert shared_memory_of(pids) == []
    assert not (tmp_path / "home" / "stack.json").exists() or ending == "SIGKILL"


def test_rides_on_given_parts_until_their_broker_dies(tmp_path: Path) -> None:
    with up(tmp_path / "one") as (process, first):
        urls = first["urls"]
        given = {
            "KAFKA_BOOTSTRAP_SERVERS": urls["broker"],
            "CLICKHOUSE_URL": urls["clickhouse"],
            "REDIS_URL": urls["redis"],
            "DATABASE_URL": urls["postgres"],
        }
        # The two workers share the shards, as two of one group do.
        command = [*UP, "--home", str(tmp_path / "two"), "--demo", "rides", "--for", "2"]
        done = subprocess.run(command, env=os.environ | given, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        ready, totals = map(json.loads, done.stdout.splitlines())
        assert ready["urls"]["kafka_bootstrap_servers"] == urls["broker"]
        assert (totals["sent"], totals["rows"]["events_raw"]) == (25000, 25000)
        assert [totals["rows"][f"{family}_events"] for family in ("booking", "trip", "payment")] == [10000, 10000, 5000]
        pids = tree(process.pid)[1:]
        broker = next(pid for pid in pids if "tansu" in Path(f"/proc/{pid}/cmdline").read_text())
        os.kill(broker, signal.SIGKILL)
        assert process.wait(60) == 1
    assert "The broker died" in (tmp_path / "stderr").read_text()
    assert alive(pids) == []
