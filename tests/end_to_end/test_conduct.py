"""How a worker behaves: told to stop it leaves nothing to replay; in an outage it is honest, quiet and idle."""

import json
from urllib.parse import urlsplit

import psutil
import pytest

from deploy.local.worker import page
from streams.settings import Settings
from streams.world.truth import expected
from tests.support.found import assert_exact, moved_on, query, wait_for
from tests.support.producers import send, sending
from tests.support.proxy import proxy_thread
from tests.support.waiting import PAUSE, until
from tests.support.workers import Crew, Worker

pytestmark = pytest.mark.slow

AWAY_SECONDS = 12.0
LINES = 40
"""Of a worker with two shards, from the beginning of an outage to its end, however long it lasts; and one a minute."""
CPU_SHARE = 0.5
"""Of a core, while a part is away and nothing can be done; some hundredths are usual."""


def told(worker: Worker) -> tuple[int, int, list[str]]:
    """Status of /live and /ready, and the parts that /ready calls away."""
    status, body = page(worker.url, "ready")
    return page(worker.url, "live")[0], status, json.loads(body)["away"]


@pytest.mark.long
def test_a_worker_that_is_told_to_stop_leaves_nothing_to_replay(embedded: Settings, workers: Crew) -> None:
    worker = workers.start(embedded.model_copy(update={"windows_enabled": False}))
    worker.wait_ready(embedded.kafka_partitions)
    with sending(embedded, "load", "--rate", "1000", "--count", "0", "--seed", "5") as producer:
        until("rows", lambda: moved_on(embedded) > 2000, 60)
        assert worker.stop() == 0
        # Cut off it would have said so: it had WORKER_STOP_SECONDS, which are ten.
        assert "before it was closed" not in worker.log.read_text()
        newest = "SELECT shard, argMax(relation, intent) FROM delivered GROUP BY shard ORDER BY shard"
        assert query(embedded, newest) == [[0, "none"], [1, "none"]]
        worker.start().wait_ready(embedded.kafka_partitions)
        assert worker.metric("millrace_batches_total", kind="second") == 0
        wanted = expected(producer.stop())
    wait_for(embedded, wanted)
    assert workers.stop() == [0]
    assert_exact(embedded, wanted)


@pytest.mark.faults
@pytest.mark.parametrize("seconds", [AWAY_SECONDS, 75.0])
def test_a_worker_without_clickhouse(embedded: Settings, workers: Crew, seconds: float) -> None:
    """With a batch in its hands: not ready, alive, few lines, no busy loop; without one it says so too."""
    url = urlsplit(embedded.clickhouse_url or "")
    with proxy_thread(url.hostname or "", url.port or 0) as way:
        behind = url._replace(netloc=f"{url.netloc.rpartition(':')[0]}:{way.port}").geturl()
        settings = embedded.model_copy(update={"clickhouse_url": behind})
        worker = workers.start(settings).wait_ready(settings.kafka_partitions)
        assert told(worker) == (200, 200, [])
        way.refuse()
        until("not ready although it has nothing to do", lambda: told(worker) == (200, 503, ["clickhouse"]), 30)
        before = worker.log.read_text().count("\n")
        wanted = expected(send(settings, "load", "--rate", "max", "--count", "3000", "--seed", "6"))
        until("it waits", lambda: set(worker.shards.values()) == {"waiting"}, 30)
        process = psutil.Process(worker.pid)
        spent = sum(process.cpu_times()[:2])
        PAUSE.wait(seconds)
        assert sum(process.cpu_times()[:2]) - spent < CPU_SHARE * seconds
        assert told(worker) == (200, 503, ["clickhouse"])
        way.accept()
        wait_for(embedded, wanted)
        until("ready again", lambda: told(worker) == (200, 200, []), 30)
        lines = worker.log.read_text().splitlines()[before:]
        assert len(lines) < LINES + seconds / 10, "\n".join(lines)
        assert any("insert taken" in line or "waits no longer" in line for line in lines)
        assert workers.stop() == [0]
    assert_exact(embedded, wanted)


@pytest.mark.faults
def test_a_worker_without_its_broker(embedded: Settings, workers: Crew) -> None:
    """With nothing to read: not ready, alive, few lines, no busy loop."""
    _, _, port = (embedded.kafka_bootstrap_servers or "").partition(":")
    worker = workers.start(embedded).wait_ready(embedded.kafka_partitions)
    (broker,) = [c.pid for c in psutil.net_connections("tcp") if c.status == "LISTEN" and c.laddr.port == int(port)]
    process = psutil.Process(broker)
    before = worker.log.read_text().count("\n")
    process.suspend()
    try:
        until("not ready", lambda: told(worker)[:2] == (200, 503), 30)
        assert "broker" in told(worker)[2]
        own = psutil.Process(worker.pid)
        spent = sum(own.cpu_times()[:2])
        PAUSE.wait(5.0)
        assert sum(own.cpu_times()[:2]) - spent < CPU_SHARE * 5.0
    finally:
        process.resume()
    until("ready again", lambda: told(worker) == (200, 200, []), 60)
    lines = worker.log.read_text().splitlines()[before:]
    assert len(lines) < LINES, "\n".join(lines)
    assert workers.stop() == [0]
