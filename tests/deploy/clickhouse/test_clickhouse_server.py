"""The server as a process: its folder, its limits, its end, and what a kill leaves behind."""

import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import lz4.frame
import psutil
import pytest
import urllib3

from deploy.local.clickhouse import launch
from tests.support.clickhouse import Address, Server
from tests.support.waiting import until


def test_a_folder_in_use_is_refused_with_the_holder(tmp_path: Path) -> None:
    server = Server(tmp_path)
    second = subprocess.run(launch.command(tmp_path), capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 1
    assert f"in use by the ClickHouse server with process id {server.process.pid}" in second.stderr
    assert second.stdout == ""
    assert server.stop() == 0
    assert Server(tmp_path).stop() == 0


def test_a_port_in_use_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = launch.command(tmp_path, port)
        second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 1
    assert f"127.0.0.1:{port}" in second.stderr
    assert "in use" in second.stderr
    assert "Traceback" not in second.stderr


def test_two_folders_side_by_side(tmp_path: Path) -> None:
    one, two = Server(tmp_path / "one"), Server(tmp_path / "two")
    one.address.http("CREATE DATABASE only_here")
    assert b"only_here" in one.address.http("SHOW DATABASES").data
    assert b"only_here" not in two.address.http("SHOW DATABASES").data
    assert (one.stop(), two.stop()) == (0, 0)


def test_data_outlive_the_process(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.address.http("CREATE DATABASE d")
    server.address.http("CREATE TABLE d.t (n UInt64) ENGINE = MergeTree ORDER BY n")
    server.address.http("INSERT INTO d.t SELECT number FROM numbers(1000)")
    server.kill()
    again = Server(tmp_path)
    assert again.address.http("SELECT count() FROM d.t").data == b"1000\n"
    assert again.stop() == 0


def test_help_names_every_option() -> None:
    command = [sys.executable, "-m", "deploy.local.clickhouse", "--help"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for option in ("--path", "--port", "--password-file", "--die-with-parent", "--max-body-bytes", "--memory-bytes"):
        assert option in text


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    start = f"import subprocess; p = subprocess.Popen({launch.command(tmp_path)!r}); print(p.pid, flush=True); p.wait()"
    parent = subprocess.Popen([sys.executable, "-c", start], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    launch.ready(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    until("the server has ended", lambda: not child.is_running())


def test_sigterm_lets_a_running_insert_finish(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.address.http("CREATE DATABASE d")
    server.address.http("CREATE TABLE d.t (n UInt64) ENGINE = MergeTree ORDER BY n")
    slow = "INSERT INTO d.t SELECT number + sleepEachRow(0.5) FROM numbers(3) SETTINGS max_block_size = 1"
    answers: list[urllib3.BaseHTTPResponse] = []
    thread = threading.Thread(target=lambda: answers.append(server.address.http(slow)))
    thread.start()
    running = "SELECT count() FROM system.processes WHERE query LIKE 'INSERT%'"
    until("the insert runs", lambda: server.address.http(running).data == b"1\n")
    assert server.stop() == 0
    thread.join()
    assert answers[0].status == 200
    again = Server(tmp_path)
    assert again.address.http("SELECT count() FROM d.t").data == b"3\n"
    assert again.stop() == 0


def test_sigterm_cuts_what_runs_too_long(tmp_path: Path) -> None:
    server = Server(tmp_path, "--stop-seconds", "0.5")
    endless = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(number) SETTINGS max_threads = 1"
    thread = threading.Thread(target=_ignoring_the_cut, args=[server.address, endless])
    thread.start()
    until("the query runs", lambda: server.address.http("SELECT count() FROM system.processes").data == b"2\n")
    started = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - started < 10
    thread.join()


def _ignoring_the_cut(address: Address, query: str) -> None:
    try:
        address.http(query)
    except urllib3.exceptions.HTTPError:
        return


def test_a_body_above_the_limit_is_refused(tmp_path: Path) -> None:
    server = Server(tmp_path, "--max-body-bytes", "100000")
    insert = "INSERT INTO FUNCTION null('s String') FORMAT TSV"
    fits, too_long = b"x" * 99_999, b"x" * 100_001
    assert server.address.http(insert, body=fits).status == 200
    for body, headers in (
        (too_long, {}),
        (lz4.frame.compress(b"INSERT INTO x FORMAT TSV\n" + b"x" * 1_000_000), {"Content-Encoding": "lz4"}),
    ):
        answer = server.address.http(None, body=body, headers=server.address.credentials | headers)
        assert answer.status == 413
        assert b"--max-body-bytes" in answer.data
    assert server.stop() == 0


def test_a_client_that_stalls_is_cut_and_inserts_nothing(tmp_path: Path) -> None:
    server = Server(tmp_path, "--receive-seconds", "0.5")
    server.address.http("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")
    with socket.create_connection(("127.0.0.1", server.address.port)) as client:
        head = (
            "POST /?query=INSERT+INTO+t+FORMAT+TSV HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
            f"X-ClickHouse-User: default\r\nX-ClickHouse-Key: {server.address.password}\r\n\r\n1\n2\n"
        )
        client.sendall(head.encode())
        client.settimeout(20)
        answer = client.recv(10_000)
    assert b"503" in answer.splitlines()[0]
    assert b"X-ClickHouse-Exception-Code: 209" in answer
    assert server.address.http("SELECT count() FROM t").data == b"0\n"
    assert server.stop() == 0


def test_a_cut_lz4_body_inserts_nothing(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.address.http("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")
    packed = lz4.frame.compress(b"".join(b"%d\n" % n for n in range(100_000)))
    headers = server.address.credentials | {"Content-Encoding": "lz4"}
    answer = server.address.http("INSERT INTO t FORMAT TSV", body=packed[:-4], headers=headers)
    assert answer.headers["X-ClickHouse-Exception-Code"] == "89"
    assert server.address.http("SELECT count() FROM t").data == b"0\n"
    assert server.stop() == 0


def test_an_insert_under_way_is_known_by_its_id(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.address.http("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")
    asked = "SELECT count() FROM system.processes WHERE query_id = 'batch/1'"
    with socket.create_connection(("127.0.0.1", server.address.port)) as client:
        head = (
            "POST /?query=INSERT+INTO+t+FORMAT+TSV&query_id=batch/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
            f"X-ClickHouse-User: default\r\nX-ClickHouse-Key: {server.address.password}\r\n\r\n1\n"
        )
        client.sendall(head.encode())
        until("the insert is known", lambda: server.address.http(asked).data == b"1\n")
        again = server.address.http("INSERT INTO t FORMAT TSV", body=b"1\n", query_id="batch/1")
        assert again.headers["X-ClickHouse-Exception-Code"] == "216"
    until("the insert is forgotten", lambda: server.address.http(asked).data == b"0\n")
    assert server.address.http("SELECT count() FROM t").data == b"0\n"
    assert server.stop() == 0


def test_a_client_that_takes_no_answer_is_cut(tmp_path: Path) -> None:
    server = Server(tmp_path, "--send-seconds", "0.5")
    with socket.create_connection(("127.0.0.1", server.address.port)) as client:
        body = b"SELECT repeat('x', 1000) FROM numbers(10000000)"
        head = (
            f"POST /?query_id=unread HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
            f"X-ClickHouse-User: default\r\nX-ClickHouse-Key: {server.address.password}\r\n\r\n"
        )
        client.sendall(head.encode() + body)
        asked = "SELECT count() FROM system.processes WHERE query_id = 'unread'"
        until("the query runs", lambda: server.address.http(asked).data == b"1\n")
        until("the query has ended", lambda: server.address.http(asked).data == b"0\n")
    assert server.stop() == 0


def test_more_queries_than_may_run_and_wait_are_refused(tmp_path: Path) -> None:
    server = Server(tmp_path, "--queries", "2", "--waiting", "2")
    codes: list[str | None] = []

    def ask() -> None:
        answer = server.address.http("SELECT sleep(1)")
        codes.append(answer.headers.get("X-ClickHouse-Exception-Code"))

    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    assert server.address.http(method="GET", path="/ping").status == 200
    for thread in threads:
        thread.join()
    assert sorted(codes, key=str) == ["202"] * 6 + [None] * 4
    assert server.stop() == 0


@pytest.mark.slow
def test_memory_stays_bounded_while_results_stream_and_wait(tmp_path: Path) -> None:
    server = Server(tmp_path)
    process = psutil.Process(server.process.pid)
    server.address.http("SELECT 1")
    before = process.memory_info().rss
    peak = before
    asked = "SELECT number, repeat('x', 100) FROM numbers(5000000)"
    for wait in (0, 1):
        answer = server.address.pool.request(
            "POST",
            f"{server.address.url}/?wait_end_of_query={wait}",
            body=asked.encode(),
            headers=server.address.credentials,
            preload_content=False,
        )
        taken = 0
        for piece in answer.stream(1 << 20):
            taken += len(piece)
            peak = max(peak, process.memory_info().rss)
        assert taken > 500_000_000
    assert peak - before < 400_000_000
    assert server.stop() == 0
