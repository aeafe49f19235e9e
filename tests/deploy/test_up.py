"""`millrace up` as a user meets it: JSON, totals that add up, and nothing left behind however it ends."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from deploy.local.clickhouse_part import ask
from deploy.local.worker import page
from streams.cli import topics
from streams.events import registry
from streams.events.sample import sample
from streams.settings import Settings
from tests.support.processes import alive, nothing_abandoned, on_tmpfs, shared_memory_of, tree
from tests.support.stack import fresh_broker
from tests.support.waiting import until

pytestmark = pytest.mark.slow

PARTS = {"broker", "clickhouse", "redis", "postgres", "workers", "dashboard"}
UP = [sys.executable, "-m", "streams.cli", "up", "--json", "--demo", "none"]


@contextmanager
def started(home: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """A `millrace up` that has just been started; its complaints are in `stderr` beside its home."""
    env = {**os.environ, "WORKER_STOP_SECONDS": "2"}
    home.parent.mkdir(exist_ok=True)
    with (
        (home.parent / "stderr").open("w") as errors,
        subprocess.Popen(
            [*UP, "--home", str(home), *more], stdout=subprocess.PIPE, stderr=errors, text=True, env=env
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def first_line(process: subprocess.Popen[str], home: Path) -> dict[str, Any]:
    """What it says when it is ready."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, (home.parent / "stderr").read_text()
    found: dict[str, Any] = json.loads(line)
    return found


@contextmanager
def up(home: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A `millrace up` that is ready, and its first line."""
    with started(home, *more) as process:
        yield process, first_line(process, home)


def broker_of(pids: list[int]) -> int:
    """The broker among these processes."""
    names = {pid: Path(f"/proc/{pid}/comm").read_text() for pid in pids}
    return next(pid for pid, name in names.items() if name.startswith("tansu"))


async def send(servers: str, count: int) -> None:
    """Send page views, one of them broken and one of them twice."""
    spec, dice = registry.events["page.viewed"], random.Random(7)
    values = [json.dumps(sample(spec, dice)).encode() for _ in range(count - 2)]
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        for value in [*values, b"{", values[0]]:
            await producer.send(spec.topic, value, key=b"one", partition=0)


def post(url: str, home: Path) -> None:
    """Post a page view with a new key, as the output says."""
    command = [sys.executable, "-m", "streams.cli", "keys", "create", "test"]
    env = os.environ | {"MILLRACE_HOME": str(home)}
    key = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout.strip()
    body = json.dumps(sample(registry.events["page.viewed"], random.Random(8))).encode()
    head = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"{url}/v1/events", body, head), timeout=30) as answer:
        assert json.load(answer)["accepted"] == 1


def test_totals_are_exact_and_stdout_holds_two_lines(tmp_path: Path) -> None:
    before = on_tmpfs()
    with up(tmp_path / "home") as (process, first):
        urls = first["urls"]
        assert set(urls) == PARTS
        status, text = page(urls["dashboard"], "")
        assert (status, b"<title>Millrace" in text) == (200, True)
        asyncio.run(send(urls["broker"], 500))
        post(urls["dashboard"], tmp_path / "home")
        query = f"SELECT count() FROM {first['database']}.page_views"
        until("the rows", lambda: ask(urls["clickhouse"], query) == "499\n")
        pids = tree(process.pid)[1:]
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        totals = json.loads(process.stdout.read())
        assert process.wait(30) == 0
    assert totals["rows"]["events"] == totals["rows"]["page_views"] == 499
    assert sum(totals["rows"].values()) == 2 * 499
    assert f"post events to {urls['dashboard']}/v1/events" in (tmp_path / "stderr").read_text()
    assert totals["dead_letters"] == {"malformed": 1}
    assert (totals["duplicates"], totals["sampled_out"], totals["sent"]) == (1, 0, 0)
    assert 0 < totals["freshness_p95_seconds"] < 60
    assert alive(pids) == []
    nothing_abandoned(before)


ENDINGS = {
    "killed": [signal.SIGKILL],
    "without broker": [],
    "twice": [signal.SIGINT, signal.SIGINT],
    "terminated": [signal.SIGTERM],
}
CODES = {"killed": -signal.SIGKILL, "without broker": 1, "twice": 0, "terminated": 0}


@pytest.mark.long
@pytest.mark.parametrize("names", [["killed"], pytest.param(list(ENDINGS), marks=pytest.mark.faults)], ids=len)
def test_nothing_is_left_behind_however_it_ends(tmp_path: Path, names: list[str]) -> None:
    before = on_tmpfs()
    endings = {name: ENDINGS[name] for name in names}
    with ExitStack() as stack:
        # All at once: they must not meet either, and waiting for one is waiting for all.
        running = {name: stack.enter_context(started(tmp_path / name / "home")) for name in endings}
        pids: dict[str, list[int]] = {}
        for name, process in running.items():
            first_line(process, tmp_path / name / "home")
            pids[name] = tree(process.pid)[1:]
            assert len(pids[name]) >= 10
        for name, process in running.items():
            for number in endings[name]:
                process.send_signal(number)
        if "without broker" in pids:
            os.kill(broker_of(pids["without broker"]), signal.SIGKILL)
        codes = {name: process.wait(60) for name, process in running.items()}
    assert codes == {name: CODES[name] for name in names}
    if "without broker" in names:
        assert "The broker died" in (tmp_path / "without broker" / "stderr").read_text()
    for name, of_run in pids.items():
        until(f"every process of {name} to end", lambda: not alive(of_run), 40)  # noqa: B023 - called at once
        assert shared_memory_of(of_run) == []
        assert (tmp_path / name / "home" / "stack.json").exists() == (name == "killed")
    nothing_abandoned(before)


def demo_on_a_given_broker(tmp_path: Path, *words: str, others: int = 0) -> dict[str, Any]:
    """The totals of a demo that ends after a time; the broker has so many events of others, as `send` sends them."""
    with fresh_broker(tmp_path) as servers:
        if others:
            asyncio.run(topics.create(Settings(kafka_bootstrap_servers=servers)))
            asyncio.run(send(servers, others))
        command = [*UP, "--home", str(tmp_path / "home"), *words]
        env = os.environ | {"KAFKA_BOOTSTRAP_SERVERS": servers}
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr
    ready, totals = map(json.loads, done.stdout.splitlines())
    assert set(ready["urls"]) == PARTS
    assert ready["urls"]["broker"] == servers
    wrong = 1 if others else 0
    assert totals["dead_letters"] == ({"malformed": wrong} if wrong else {})
    assert (totals["duplicates"], totals["sampled_out"], totals["others"]) == (wrong, 0, others)
    return dict(totals)


@pytest.mark.long
def test_what_is_generated_on_a_given_broker_is_accounted_for(tmp_path: Path) -> None:
    # So long that the producer gets to send on a slow machine too.
    totals = demo_on_a_given_broker(tmp_path, "--demo", "ticketing", "--rate", "50", "--for", "10", others=1000)
    assert 0 < totals["sent"] == totals["rows"]["events"] - 998 <= 500


@pytest.mark.faults
def test_rides_on_a_given_broker(tmp_path: Path) -> None:
    totals = demo_on_a_given_broker(tmp_path, "--demo", "rides", "--for", "1")
    assert (totals["sent"], totals["rows"]["events_raw"]) == (25000, 25000)
    assert [totals["rows"][f"{family}_events"] for family in ("booking", "trip", "payment")] == [10000, 10000, 5000]
