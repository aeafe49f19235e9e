"""Inserts: formats, content codings, where the statement stands, what the summary says, large bodies."""

import gzip
import json
import zlib
from collections.abc import Callable

import lz4.frame
import pytest
from backports import zstd
from clickhouse_connect.driver.client import Client

from tests.support.clickhouse import Address

CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "lz4": lz4.frame.compress,
    "zstd": zstd.compress,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
}
FORMATS = {
    "JSONEachRow": b'{"a":1,"b":"x"}\n{"a":2,"b":"y"}\n',
    "TabSeparated": b"1\tx\n2\ty\n",
    "CSV": b'1,"x"\n2,"y"\n',
    "CSVWithNames": b'"b","a"\n"x",1\n"y",2\n',
    "Values": b"(1, 'x'), (2, 'y')",
    "RowBinary": b"\x01\0\0\0\0\0\0\0\x01x\x02\0\0\0\0\0\0\0\x01y",
    "JSONCompactEachRow": b'[1,"x"]\n[2,"y"]\n',
}


@pytest.fixture
def pairs(client: Client, database: str, table: str) -> str:
    """An empty table of a number and a string, with its database's name."""
    client.command(f"CREATE TABLE {table} (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
    return f"{database}.{table}"


def _content(client: Client, table: str) -> list[tuple[int, str]]:
    return [(row[0], row[1]) for row in client.query(f"SELECT a, b FROM {table} ORDER BY a").result_rows]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("in_body", [False, True])
def test_formats(server: Address, client: Client, pairs: str, form: str, in_body: bool) -> None:
    statement = f"INSERT INTO {pairs} FORMAT {form}"
    data = FORMATS[form]
    answer = server.http(body=statement.encode() + b"\n" + data) if in_body else server.http(statement, body=data)
    assert answer.status == 200, answer.data
    assert _content(client, pairs) == [(1, "x"), (2, "y")]


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("in_body", [False, True])
def test_codings(server: Address, client: Client, pairs: str, coding: str, in_body: bool) -> None:
    statement = f"INSERT INTO {pairs} FORMAT JSONEachRow"
    data = b"".join(b'{"a":%d,"b":"%d"}\n' % (n, n % 7) for n in range(200_000))
    headers = server.credentials | ({"Content-Encoding": coding} if coding else {})
    if in_body:
        answer = server.http(body=CODINGS[coding](statement.encode() + b"\n" + data), headers=headers)
    else:
        answer = server.http(statement, body=CODINGS[coding](data), headers=headers)
    assert answer.status == 200, answer.data
    found = client.query(f"SELECT count(), sum(a), uniqExact(b) FROM {pairs}").result_rows
    assert found == [(200_000, sum(range(200_000)), 7)]


def test_a_cut_body_inserts_nothing(server: Address, client: Client, pairs: str) -> None:
    data = b"".join(b'{"a":%d,"b":"%d"}\n' % (n, n) for n in range(1000))
    packed = gzip.compress(data)
    headers = server.credentials | {"Content-Encoding": "gzip"}
    answer = server.http(f"INSERT INTO {pairs} FORMAT JSONEachRow", body=packed[: len(packed) // 2], headers=headers)
    assert answer.status >= 400
    assert answer.headers["X-ClickHouse-Exception-Code"]
    assert _content(client, pairs) == []


@pytest.mark.parametrize("compress", [False, "lz4", "zstd", "gzip"])
def test_client_compression(server: Address, pairs: str, compress: bool | str) -> None:
    with server.client(compress=compress) as client:
        client.insert(pairs, [[n, str(n)] for n in range(5000)], column_names=["a", "b"])
        assert client.query(f"SELECT a, b FROM {pairs} ORDER BY a").result_rows[-1] == (4999, "4999")
        assert client.raw_query(f"SELECT count() FROM {pairs}", fmt="TSV") == b"5000\n"


def test_summary_of_an_insert(server: Address, client: Client, pairs: str) -> None:
    assert client.insert(pairs, [[1, "x"], [2, "y"]], column_names=["a", "b"]).written_rows == 2
    answer = server.http(f"INSERT INTO {pairs} FORMAT TSV", body=b"3\tz\n", query_id="summary-1")
    summary = json.loads(answer.headers["X-ClickHouse-Summary"])
    assert (summary["written_rows"], int(summary["written_bytes"]) > 0) == ("1", True)
    assert answer.headers["X-ClickHouse-Query-Id"] == "summary-1"
    assert answer.data == b""


def test_summary_counts_the_rows_of_views_too(client: Client, pairs: str) -> None:
    client.command(f"CREATE TABLE {pairs}_even (a UInt64) ENGINE = MergeTree ORDER BY a")
    client.command(f"CREATE MATERIALIZED VIEW {pairs}_mv TO {pairs}_even AS SELECT a FROM {pairs} WHERE a % 2 = 0")
    summary = client.insert(pairs, [[n, ""] for n in range(10)], column_names=["a", "b"])
    assert summary.written_rows == 15


def test_insert_select_and_inline_values(client: Client, pairs: str) -> None:
    summary = client.command(f"INSERT INTO {pairs} SELECT number, 'n' FROM numbers(5)")
    assert summary.written_rows == 5  # type: ignore[union-attr]
    client.command(f"INSERT INTO {pairs} (a) VALUES (100), (101)")
    client.command(f"INSERT INTO {pairs} (a, b) (SELECT 200, 'format')")
    assert client.command(f"SELECT count() FROM {pairs}") == 8


def test_insert_into_a_table_with_a_keyword_for_a_name(server: Address, client: Client, database: str) -> None:
    client.command(f"CREATE TABLE {database}.`values` (`format` UInt8, `select` UInt8) ENGINE = Memory")
    server.http(body=f"INSERT INTO {database}.values (`format`, `select`) FORMAT CSV\n1,2\n".encode())
    server.http(body=f"INSERT INTO TABLE {database}.`values` (format, select) VALUES (3, 4)".encode())
    assert client.query(f"SELECT * FROM {database}.`values` ORDER BY 1").result_rows == [(1, 2), (3, 4)]


def test_settings_clause_before_the_format(server: Address, client: Client, pairs: str) -> None:
    statement = f"INSERT INTO {pairs} (a, b) SETTINGS async_insert = 0, max_threads = 1 FORMAT JSONEachRow"
    assert server.http(statement, body=b'{"a":1,"b":"x"}').status == 200
    assert _content(client, pairs) == [(1, "x")]


def test_an_empty_body_inserts_nothing(server: Address, client: Client, pairs: str) -> None:
    answer = server.http(f"INSERT INTO {pairs} FORMAT JSONEachRow", body=b"")
    assert answer.status == 200
    assert _content(client, pairs) == []


def test_chunked_body_without_length(client: Client, pairs: str) -> None:
    lines = (b'{"a":%d,"b":"%d"}\n' % (n, n) for n in range(1000))
    client.raw_insert(pairs, ["a", "b"], lines, fmt="JSONEachRow")
    assert client.command(f"SELECT count() FROM {pairs}") == 1000


def test_large_native_insert(client: Client, pairs: str) -> None:
    client.insert(pairs, [list(range(50_000)), ["v" * 50] * 50_000], column_names=["a", "b"], column_oriented=True)
    assert client.command(f"SELECT sum(length(b)) FROM {pairs}") == 2_500_000


def test_large_json_insert_is_one_part(client: Client, pairs: str) -> None:
    value = b"x" * 400
    data = b"".join(b'{"a":%d,"b":"%s"}\n' % (n, value) for n in range(50_000))
    assert len(data) > 20_000_000
    settings = {"async_insert": 0, "input_format_parallel_parsing": 0, "max_insert_block_size": 1_000_000}
    packed = lz4.frame.compress(data)
    summary = client.raw_insert(pairs, ["a", "b"], packed, settings, "JSONEachRow", "lz4")
    assert summary.written_rows == 50_000
    database, table = pairs.split(".")
    parts = f"SELECT count() FROM system.parts WHERE database = '{database}' AND table = '{table}'"
    assert client.command(parts) == 1
