"""The interface itself: health, users, databases, methods, headers, unknown paths."""

import base64
import json

import pytest
from clickhouse_connect.driver.client import Client

from tests.support.clickhouse import Address


def _basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize("path", ["/ping", "/"])
def test_health_needs_no_user(server: Address, path: str) -> None:
    answer = server.http(method="GET", path=path, headers={})
    assert (answer.status, answer.data) == (200, b"Ok.\n")


def test_unknown_path(server: Address) -> None:
    assert server.http(method="GET", path="/nothing/here").status == 404


def test_credentials_by_basic_auth_headers_and_parameters(server: Address) -> None:
    user, password = server.user, server.password
    assert server.http("SELECT 1", headers=_basic(user, password)).data == b"1\n"
    assert server.http("SELECT 1", headers=server.credentials).data == b"1\n"
    assert server.http("SELECT 1", headers={}, user=user, password=password).data == b"1\n"


@pytest.mark.parametrize(
    "headers", [_basic("default", "wrong"), _basic("nobody", "x"), {"X-ClickHouse-User": "nobody"}]
)
def test_wrong_credentials_are_refused(server: Address, headers: dict[str, str]) -> None:
    answer = server.http("SELECT 1", headers=headers)
    assert answer.status == 403
    assert answer.headers["X-ClickHouse-Exception-Code"] == "516"
    assert b"AUTHENTICATION_FAILED" in answer.data


def test_query_in_body_in_parameter_and_in_both(server: Address) -> None:
    assert server.http(body=b"SELECT 7").data == b"7\n"
    assert server.http("SELECT 7").data == b"7\n"
    assert server.http("SELECT ", body=b"7 AS n").data == b"7\n"


def test_get_is_read_only(server: Address, database: str) -> None:
    assert server.http("SELECT 1", method="GET").data == b"1\n"
    answer = server.http(f"CREATE TABLE {database}.by_get (a Int8) ENGINE = Memory", method="GET")
    assert answer.headers["X-ClickHouse-Exception-Code"] == "164"


def test_empty_query(server: Address) -> None:
    answer = server.http(body=b"  -- nothing\n")
    assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (400, "62")


def test_two_statements_are_refused(server: Address) -> None:
    answer = server.http("SELECT 1; SELECT 2")
    assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (400, "62")


def test_a_statement_may_end_in_semicolon_and_comment(server: Address) -> None:
    assert server.http(body=b"SELECT 'a;b' -- done\n;").data == b"a;b\n"
    assert server.http(body=b"SELECT 1 /* FORMAT CSV */ FORMAT JSONEachRow -- x").data == b'{"1":1}\n'


def test_database_by_parameter_and_header(server: Address, database: str) -> None:
    asked = "SELECT currentDatabase()"
    assert server.http(asked, database=database).data.decode().strip() == database
    headers = server.credentials | {"X-ClickHouse-Database": database}
    assert server.http(asked, headers=headers).data.decode().strip() == database
    answer = server.http(asked, database="no_such_database")
    assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (404, "81")


def test_format_by_clause_parameter_and_header(server: Address) -> None:
    asked = "SELECT 1 AS a"
    headers = server.credentials | {"X-ClickHouse-Format": "JSONEachRow"}
    assert server.http(asked).headers["X-ClickHouse-Format"] == "TabSeparated"
    assert server.http(asked, default_format="JSONEachRow").data == b'{"a":1}\n'
    assert server.http(asked, headers=headers).data == b'{"a":1}\n'
    answer = server.http(f"{asked} FORMAT CSVWithNames SETTINGS max_threads = 1", default_format="JSON")
    assert (answer.data, answer.headers["X-ClickHouse-Format"]) == (b'"a"\n1\n', "CSVWithNames")


def test_headers_of_an_answer(server: Address) -> None:
    answer = server.http("SELECT number FROM numbers(10)", query_id="contract-headers", wait_end_of_query=1)
    assert answer.headers["X-ClickHouse-Query-Id"] == "contract-headers"
    assert answer.headers["X-ClickHouse-Server-Display-Name"]
    assert answer.headers["X-ClickHouse-Timezone"]
    assert json.loads(answer.headers["X-ClickHouse-Summary"])["read_rows"] == "10"
    assert answer.headers["Content-Type"].startswith("text/tab-separated-values")


def test_every_statement_without_id_gets_one(server: Address) -> None:
    ids = {server.http("SELECT 1").headers["X-ClickHouse-Query-Id"] for _ in range(3)}
    assert len(ids) == 3


def test_client_learns_version_and_timezone(client: Client) -> None:
    assert int(str(client.server_version).split(".")[0]) >= 24
    assert str(client.command("SELECT timezone()")).removeprefix("Etc/") == str(client.server_tz).removeprefix("Etc/")


def test_other_result_statements(client: Client, table: str) -> None:
    client.command(f"CREATE TABLE {table} (a UInt8) ENGINE = MergeTree ORDER BY a")
    assert client.query(f"SHOW TABLES LIKE '{table}'").result_rows == [(table,)]
    assert client.query(f"DESCRIBE TABLE {table}").result_rows[0][:2] == ("a", "UInt8")
    assert client.query(f"EXISTS TABLE {table}").result_rows == [(1,)]
    assert client.command(f"EXISTS TABLE {table}") == 1
    assert "Read" in str(client.query(f"EXPLAIN SELECT * FROM {table}").result_rows)
    assert client.query(f"WITH 2 AS b SELECT b FROM {table} UNION ALL SELECT 3").result_rows == [(3,)]
    assert table in str(client.command(f"SHOW CREATE TABLE {table}"))


@pytest.mark.parametrize(
    "query", ["SELECT 1 INTO OUTFILE '/tmp/never'", "INSERT INTO nowhere FROM INFILE '/etc/passwd' FORMAT TSV"]
)
def test_server_files_are_out_of_reach(server: Address, query: str) -> None:
    answer = server.http(query)
    assert answer.status >= 400
    assert answer.headers["X-ClickHouse-Exception-Code"] in ("358", "78", "62", "48")
