"""Error codes, texts and HTTP statuses, as clients tell errors apart."""

import re

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.support.clickhouse import Address

CASES = [
    ("SELECT * FROM no_such_table", 60, 404, "UNKNOWN_TABLE"),
    ("SELECT * FROM no_such_database.t", 81, 404, "UNKNOWN_DATABASE"),
    ("SELECT no_such_column", 47, 404, "UNKNOWN_IDENTIFIER"),
    ("SELECT noSuchFunction(1)", 46, 404, "UNKNOWN_FUNCTION"),
    ("SELECT 1 SETTINGS no_such_setting = 1", 115, 404, "UNKNOWN_SETTING"),
    ("SELECT 1 FORMAT NoSuchFormat", 73, 404, "UNKNOWN_FORMAT"),
    ("SELECT CAST(1 AS NoSuchType)", 50, 404, "UNKNOWN_TYPE"),
    ("SELEC 1", 62, 400, "SYNTAX_ERROR"),
    ("SELECT FROM WHERE", 62, 400, "SYNTAX_ERROR"),
    ("\0\1", 62, 400, "SYNTAX_ERROR"),
    ("SELECT 'unbroken", 62, 400, "SYNTAX_ERROR"),
    ("SELECT throwIf(1)", 395, 500, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
    ("SELECT toUInt8('x')", 6, 400, "CANNOT_PARSE_TEXT"),
    ("SELECT count() FROM numbers(1e11) SETTINGS max_execution_time = 0.2", 159, 408, "TIMEOUT_EXCEEDED"),
    ("SELECT groupArray(number) FROM numbers(1e8) SETTINGS max_memory_usage = 5e7", 241, 500, "MEMORY_LIMIT_EXCEEDED"),
    ("SELECT number FROM numbers(1e7) SETTINGS max_rows_to_read = 10", 158, 500, "TOO_MANY_ROWS"),
    ("INSERT INTO no_such_table VALUES (1)", 60, 404, "UNKNOWN_TABLE"),
    ("CREATE TABLE no_such_database.t (a Int8) ENGINE = Memory", 81, 404, "UNKNOWN_DATABASE"),
    ("DROP TABLE no_such_table", 60, 404, "UNKNOWN_TABLE"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "code", "status", "name"), CASES)
def test_code_status_and_text(server: Address, query: str, code: int, status: int, name: str) -> None:
    answer = server.http(body=query.encode(), wait_end_of_query=1)
    text = answer.data.decode()
    assert answer.headers["X-ClickHouse-Exception-Code"] == str(code), text
    assert answer.status == status
    assert re.fullmatch(rf"Code: {code}\. DB::Exception: .*\({name}\) \(version [^()]+.*\)\n", text, re.DOTALL)
    assert text.count("DB::Exception") == 1


@pytest.mark.parametrize(("query", "code", "status", "name"), CASES[:4])
def test_client_sees_the_code(client: Client, query: str, code: int, status: int, name: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        client.query(query)
    assert (caught.value.code, caught.value.name) == (code, name)


def test_error_inside_a_result_that_has_begun(client: Client) -> None:
    query = "SELECT throwIf(number = 6000000) AS x, number, toString(number) FROM numbers(1e7) SETTINGS max_threads = 1"
    seen = 0
    with client.query_row_block_stream(query) as stream:
        blocks = iter(stream)
        with pytest.raises(DatabaseError, match="FUNCTION_THROW_IF"):  # noqa: PT012  the rows before the error count
            while block := next(blocks):
                seen += len(block)
    assert 0 < seen <= 6_000_000


def test_a_bad_row_names_the_place_and_inserts_nothing(client: Client, table: str) -> None:
    client.command(f"CREATE TABLE {table} (a UInt64) ENGINE = MergeTree ORDER BY a")
    rows = b'{"a":1}\n{"a":"many"}\n{"a":3}\n'
    with pytest.raises(DatabaseError) as caught:
        client.raw_insert(table, ["a"], rows, fmt="JSONEachRow")
    assert caught.value.code in (6, 26, 27, 72, 117)
    assert "row 2" in str(caught.value) or "row 1" in str(caught.value)
    assert client.command(f"SELECT count() FROM {table}") == 0
