"""The server as a process: its folder, its limits, its end, and what a kill leaves behind."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import lz4.frame
import psutil
import pytest
import urllib3

from deploy.local.clickhouse import launch
from deploy.local.clickhouse.external import LONGEST_FIELD
from tests.support.clickhouse import Address, Server
from tests.support.waiting import until

pytestmark = pytest.mark.xdist_group("clickhouse_server")  # two servers for several tests


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server as it is by default; it ends well."""
    server = Server(tmp_path_factory.mktemp("plain"))
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="module")
def bounded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with narrow limits; it ends well."""
    limits = {"--max-body-bytes": "100000", "--receive-seconds": "0.5", "--send-seconds": "0.5"}
    places = {"--queries": "2", "--waiting": "2"}
    options = [word for pair in (limits | places).items() for word in pair]
    server = Server(tmp_path_factory.mktemp("bounded"), *options)
    yield server
    assert server.stop() == 0


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


def test_a_body_above_the_limit_is_refused(bounded: Server) -> None:
    insert = "INSERT INTO FUNCTION null('s String') FORMAT TSV"
    fits, too_long = b"x" * 99_999, b"x" * 100_001
    assert bounded.address.http(insert, body=fits).status == 200
    for body, headers in (
        (too_long, {}),
        (lz4.frame.compress(b"INSERT INTO x FORMAT TSV\n" + b"x" * 1_000_000), {"Content-Encoding": "lz4"}),
    ):
        answer = bounded.address.http(None, body=body, headers=bounded.address.credentials | headers)
        assert answer.status == 413
        assert b"--max-body-bytes" in answer.data


@pytest.mark.parametrize("size", [LONGEST_FIELD, LONGEST_FIELD + 1])
def test_a_parameter_longer_than_clickhouse_takes_is_refused(size: int, plain: Server) -> None:
    """As http_max_field_value_size has it, in a form and in the URL; so what a real server refuses is refused here."""
    sql, value = "SELECT length({x:String})", "x" * size
    body, kind = urllib3.encode_multipart_formdata({"query": sql, "param_x": value})
    headers = plain.address.credentials | {"Content-Type": kind}
    answers = [plain.address.http(None, body=body, headers=headers), plain.address.http(sql, param_x=value)]

    if size > LONGEST_FIELD:
        assert all(b"Field value too long" in answer.data for answer in answers)
    else:
        assert [(answer.status, answer.data) for answer in answers] == [(200, b"%d\n" % size)] * 2


def test_a_client_that_stalls_is_cut_and_inserts_nothing(bounded: Server) -> None:
    bounded.address.http("CREATE TABLE stalled (n UInt64) ENGINE = MergeTree ORDER BY n")
    with socket.create_connection(("127.0.0.1", bounded.address.port)) as client:
        head = (
            "POST /?query=INSERT+INTO+stalled+FORMAT+TSV HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
            f"X-ClickHouse-User: default\r\nX-ClickHouse-Key: {bounded.address.password}\r\n\r\n1\n2\n"
        )
        client.sendall(head.encode())
        client.settimeout(20)
        answer = client.recv(10_000)
    assert b"503" in answer.splitlines()[0]
    assert b"X-ClickHouse-Exception-Code: 209" in answer
    assert bounded.address.http("SELECT count() FROM stalled").data == b"0\n"


def test_a_cut_lz4_body_inserts_nothing(plain: Server) -> None:
    plain.address.http("CREATE TABLE cut (n UInt64) ENGINE = MergeTree ORDER BY n")
    packed = lz4.frame.compress(b"".join(b"%d\n" % n for n in range(100_000)))
    headers = plain.address.credentials | {"Content-Encoding": "lz4"}
    answer = plain.address.http("INSERT INTO cut FORMAT TSV", body=packed[:-4], headers=headers)
    assert answer.headers["X-ClickHouse-Exception-Code"] == "89"
    assert plain.address.http("SELECT count() FROM cut").data == b"0\n"


def test_an_insert_under_way_is_known_by_its_id(plain: Server) -> None:
    plain.address.http("CREATE TABLE known (n UInt64) ENGINE = MergeTree ORDER BY n")
    asked = "SELECT count() FROM system.processes WHERE query_id = 'batch/1'"
    with socket.create_connection(("127.0.0.1", plain.address.port)) as client:
        head = (
            "POST /?query=INSERT+INTO+known+FORMAT+TSV&query_id=batch/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
            f"X-ClickHouse-User: default\r\nX-ClickHouse-Key: {plain.address.password}\r\n\r\n1\n"
        )
        client.sendall(head.encode())
        until("the insert is known", lambda: plain.address.http(asked).data == b"1\n")
        again = plain.address.http("INSERT INTO known FORMAT TSV", body=b"1\n", query_id="batch/1")
        assert again.headers["X-ClickHouse-Exception-Code"] == "216"
    until("the insert is forgotten", lambda: plain.address.http(asked).data == b"0\n")
    assert plain.address.http("SELECT count() FROM known").data == b"0\n"


def test_a_client_that_takes_no_answer_is_cut(bounded: Server) -> None:
    with socket.create_connection(("127.0.0.1", bounded.address.port)) as client:
        body = b"SELECT repeat('x', 1000) FROM numbers(10000000)"
        head = (
            f"POST /?query_id=unread HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
            f"X-ClickHouse-User: default\r\nX-ClickHouse-Key: {bounded.address.password}\r\n\r\n"
        )
        client.sendall(head.encode() + body)
        asked = "SELECT count() FROM system.processes WHERE query_id = 'unread'"
        until("the query runs", lambda: bounded.address.http(asked).data == b"1\n")
        until("the query has ended", lambda: bounded.address.http(asked).data == b"0\n")


def test_more_queries_than_may_run_and_wait_are_refused(bounded: Server) -> None:
    codes: list[str | None] = []

    def ask() -> None:
        answer = bounded.address.http("SELECT sleep(1)")
        codes.append(answer.headers.get("X-ClickHouse-Exception-Code"))

    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    assert bounded.address.http(method="GET", path="/ping").status == 200
    for thread in threads:
        thread.join()
    assert sorted(codes, key=str) == ["202"] * 6 + [None] * 4


@pytest.mark.long
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
