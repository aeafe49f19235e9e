"""What `millrace up` reads from its workers: sums that survive a restart, quantiles, the environment it hands over."""

import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pydantic import SecretStr

from deploy.local.worker import Metrics, environment, is_ready, page, quantile, shards, stopped
from streams.settings import Settings

EVENTS = """# TYPE millrace_events_total counter
millrace_events_total{type="a",outcome="row"} %d
millrace_events_total{type="b",outcome="duplicate"} 1
# TYPE millrace_lag_records gauge
millrace_lag_records{topic="t",shard="0"} 3
millrace_lag_records{topic="t",shard="1"} 4
# TYPE millrace_batch_freshness_p95_seconds gauge
millrace_batch_freshness_p95_seconds 0.5
# TYPE millrace_freshness_seconds histogram
millrace_freshness_seconds_bucket{le="0.5"} %d
millrace_freshness_seconds_bucket{le="1.0"} %d
millrace_freshness_seconds_bucket{le="+Inf"} %d
"""


@contextmanager
def pages(answers: dict[str, tuple[int, str]]) -> Iterator[str]:
    """A web server with these pages: status and content by path."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = answers[self.path]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_sums_go_over_workers_and_over_a_restart() -> None:
    one = {"/metrics": (200, EVENTS % (10, 1, 2, 2))}
    two = {"/metrics": (200, EVENTS % (5, 0, 1, 1))}
    with pages(one) as first, pages(two) as second:
        metrics = Metrics()
        reading = metrics.read([first, second])
        assert (reading.events, reading.lag, reading.freshness_p95) == (17, 14, 0.5)
        one["/metrics"] = (200, EVENTS % (3, 1, 1, 1))
        reading = metrics.read([first, second, "http://127.0.0.1:1"])
        assert reading.events == 10 + 3 + 5 + 2
        assert reading.buckets == {0.5: 1.0, 1.0: 2 + 1 + 1, float("inf"): 2 + 1 + 1}
        one["/metrics"] = (500, "500 Internal Server Error")
        assert metrics.read([first, second]).events == 20


@pytest.mark.parametrize(
    ("buckets", "expected"),
    [
        ({}, None),
        ({1.0: 0.0, float("inf"): 0.0}, None),
        ({1.0: 100.0, float("inf"): 100.0}, 0.95),
        ({1.0: 90.0, 2.0: 100.0, float("inf"): 100.0}, 1.5),
        ({1.0: 50.0, float("inf"): 100.0}, 1.0),
    ],
)
def test_quantile(buckets: dict[float, float], expected: float | None) -> None:
    found = quantile(0.95, buckets)
    assert found == (None if expected is None else pytest.approx(expected))


def test_readiness_and_problems_of_shards() -> None:
    health = '{"shards": [{"shard": 0, "state": "stopped", "problem": "too many"}, {"shard": 1, "state": "running"}]}'
    answers = {"/ready": (503, '{"ready": false, "shards": {"0": "stopped"}}'), "/health": (200, health)}
    with pages(answers) as url:
        assert not is_ready(url)
        assert shards(url) == {"0": "stopped"}
        assert stopped(url) == ["shard 0: too many"]
        answers["/ready"] = (200, "{}")
        assert is_ready(url)
        assert shards(url) == {}
    assert not is_ready(url)
    assert stopped(url) == []


def test_worker_that_breaks_off_counts_as_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def half_an_answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

        thread = threading.Thread(target=half_an_answer)
        thread.start()
        with pytest.raises(OSError, match="breaks off"):
            page(f"http://127.0.0.1:{server.getsockname()[1]}", "metrics")
        thread.join()


def test_environment_hands_over_what_is_set() -> None:
    settings = Settings().model_copy(
        update={"database_url": SecretStr("postgresql://x"), "redis_url": None, "kafka_forgets": True}
    )
    found = environment(settings)
    assert found["DATABASE_URL"] == "postgresql://x"
    assert found["KAFKA_FORGETS"] == "True"
    assert "REDIS_URL" not in found
