"""Results: codings, formats, streams that are longer than the server's patience with memory."""

import gzip
import io
import json
import zlib
from collections.abc import Callable

import lz4.frame
import pyarrow
import pytest
from backports import zstd
from clickhouse_connect.driver.client import Client

from tests.support.clickhouse import Address

CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "lz4": lz4.frame.decompress,
    "zstd": zstd.decompress,
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
}


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("rows", [1, 3_000_000])
@pytest.mark.parametrize("wait", [0, 1])
def test_codings(server: Address, coding: str, rows: int, wait: int) -> None:
    headers = server.credentials | {"Accept-Encoding": coding}
    asked = f"SELECT number FROM numbers({rows})"
    answer = server.http(asked, headers=headers, enable_http_compression=1, wait_end_of_query=wait)
    assert answer.headers["Content-Encoding"] == coding
    lines = CODINGS[coding](answer.data).splitlines()
    assert (len(lines), lines[-1]) == (rows, str(rows - 1).encode())


def test_no_coding_unless_asked_and_enabled(server: Address) -> None:
    headers = server.credentials | {"Accept-Encoding": "lz4, gzip"}
    plain = server.http("SELECT 1", headers=headers, enable_http_compression=0)
    assert (plain.data, "Content-Encoding" in plain.headers) == (b"1\n", False)
    assert "Content-Encoding" not in server.http("SELECT 1", enable_http_compression=1).headers


@pytest.mark.parametrize("rows", [0, 1, 200_000])
def test_whole_document_formats(server: Address, rows: int) -> None:
    asked = f"SELECT number AS n, toString(number) AS s FROM numbers({rows}) FORMAT "
    document = json.loads(server.http(asked + "JSON").data)
    assert (document["rows"], len(document["data"])) == (rows, rows)
    assert len(server.http(asked + "CSVWithNames").data.splitlines()) == rows + 1
    arrow = pyarrow.ipc.open_file(io.BytesIO(server.http(asked + "Arrow").data)).read_all()
    assert (arrow.num_rows, arrow.column_names) == (rows, ["n", "s"])
    assert server.http(asked + "Parquet").data[:4] == b"PAR1"


def test_empty_result(client: Client) -> None:
    assert client.query("SELECT number AS n FROM numbers(0)").result_rows == []


def test_five_million_rows_stream(client: Client) -> None:
    total = rows = 0
    query = "SELECT number, toString(number) AS s, now() AS t FROM numbers(5000000)"
    with client.query_column_block_stream(query) as stream:
        for block in stream:
            rows += len(block[0])
            total += int(sum(block[0]))
    assert (rows, total) == (5_000_000, 4_999_999 * 5_000_000 // 2)


def test_arrow_stream(client: Client) -> None:
    rows = 0
    with client.query_arrow_stream("SELECT number, toString(number) AS s FROM numbers(1000000)") as stream:
        for batch in stream:
            rows += batch.num_rows
    assert rows == 1_000_000


@pytest.mark.long
def test_raw_stream_left_early_does_not_hurt_the_next(client: Client) -> None:
    for _ in range(2):
        with client.query_row_block_stream("SELECT number FROM numbers(100000000)") as stream:
            next(iter(stream))
    assert client.command("SELECT 1") == 1


def test_result_with_totals_and_extremes(server: Address) -> None:
    asked = "SELECT toUInt8(number % 2) AS k, max(number) AS m FROM numbers(10) GROUP BY k WITH TOTALS ORDER BY k"
    document = json.loads(
        server.http(f"{asked} FORMAT JSON", output_format_json_quote_64bit_integers=0, extremes=1).data
    )
    assert (document["totals"], document["extremes"]["max"]) == ({"k": 0, "m": 9}, {"k": 1, "m": 9})


def test_wide_row(server: Address) -> None:
    row = "SELECT arrayMap(n -> repeat('x', 999998), range(5)) FORMAT JSONEachRow"
    assert len(server.http(row).data) > 5_000_000
