"""Settings, bound parameters and sessions of a request."""

import threading
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_connect.driver.external import ExternalData

from tests.support.clickhouse import Address
from tests.support.waiting import until


def test_a_setting_of_the_url_holds_for_its_request_alone(server: Address) -> None:
    asked = "SELECT getSetting('max_threads')"
    usual = server.http(asked).data
    assert server.http(asked, max_threads=7).data == b"7\n"
    assert server.http(asked).data == usual


@pytest.mark.parametrize("name", ["no_such_setting", "no such setting"])
def test_an_unknown_setting_is_refused(server: Address, name: str) -> None:
    given: dict[str, Any] = {name: "1"}
    answer = server.http("SELECT 1", **given)
    assert answer.headers["X-ClickHouse-Exception-Code"] == "115"
    assert answer.status == 404


def test_a_wrong_value_is_refused(server: Address) -> None:
    assert server.http("SELECT 1", max_threads="many").status == 400


def test_text_settings_come_through_whole(server: Address) -> None:
    comment = "a'b\\c \n ü & = /"
    asked = "SELECT getSetting('insert_deduplication_token') FORMAT RawBLOB"
    answer = server.http(asked, insert_deduplication_token=comment)
    assert answer.data.decode() == comment


def test_limits_of_a_request(server: Address) -> None:
    asked = "SELECT count() FROM numbers(1e10) WHERE NOT ignore(number)"
    assert server.http(asked, max_execution_time=0.2).headers["X-ClickHouse-Exception-Code"] == "159"
    assert server.http("SELECT * FROM numbers(1e6)", max_result_rows=10).headers["X-ClickHouse-Exception-Code"] == "396"


def test_readonly_setting(server: Address, database: str) -> None:
    create = f"CREATE TABLE {database}.never (a Int8) ENGINE = Memory"
    assert server.http(create, readonly=1).headers["X-ClickHouse-Exception-Code"] == "164"
    assert server.http(create, readonly=2).headers["X-ClickHouse-Exception-Code"] == "164"
    session = uuid4().hex
    assert server.http(create, session_id=session, readonly=1).headers["X-ClickHouse-Exception-Code"] == "164"
    assert server.http("SELECT 1", session_id=session, readonly=1).data == b"1\n"
    assert server.http(create.replace("never", "later"), session_id=session).status == 200


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("String", "it's \\ a\ttab\nline 'ü' {x:String} \0"),
        ("String", ""),
        ("Int64", -5),
        ("UInt64", 2**64 - 1),
        ("Float64", 0.1),
        ("Decimal(18, 4)", Decimal("-12.3400")),
        ("Nullable(String)", None),
        ("Array(String)", ["a'b", "", "c\\d"]),
        ("Array(UInt64)", [1, 2, 3]),
        ("Bool", True),
    ],
)
def test_bound_parameters(client: Client, kind: str, value: object) -> None:
    found = client.query(f"SELECT {{p:{kind}}} AS p", parameters={"p": value}).result_rows
    assert found == [(value,)]


def test_bound_times_and_names(client: Client, database: str, table: str) -> None:
    client.command(f"CREATE TABLE {table} (at DateTime64(3, 'UTC'), n UInt8) ENGINE = MergeTree ORDER BY n")
    moment = datetime(2026, 11, 23, 1, 2, 3, 456000, tzinfo=UTC)
    client.insert(table, [[moment, 1], [datetime(2020, 1, 1, tzinfo=UTC), 2]], column_names=["at", "n"])
    asked = "SELECT n FROM {d:Identifier}.{t:Identifier} WHERE at >= {since_64:DateTime64(3, 'UTC')}"
    given = {"d": database, "t": table, "since_64": moment}
    assert client.query(asked, parameters=given).result_rows == [(1,)]


def test_parameters_by_url_are_typed_not_pasted(server: Address) -> None:
    hostile = "1; DROP TABLE x"
    assert server.http("SELECT {a:String}", param_a=hostile).data.decode() == hostile + "\n"
    answer = server.http("SELECT {a:UInt8}", param_a=hostile)
    assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (400, "457") or answer.status == 500
    missing = server.http("SELECT {a:UInt8}")
    assert missing.headers["X-ClickHouse-Exception-Code"] == "456"


def test_a_long_parameter_in_the_url(server: Address) -> None:
    assert server.http("SELECT length({a:String})", param_a="x" * 50_000).data == b"50000\n"


def test_session_keeps_temporary_tables_and_settings(server: Address) -> None:
    first, second = uuid4().hex, uuid4().hex
    server.http("CREATE TEMPORARY TABLE mine (a UInt8)", session_id=first)
    server.http("INSERT INTO mine FORMAT TSV", body=b"1\n2\n", session_id=first)
    server.http("SET max_threads = 3", session_id=first)
    assert server.http("SELECT sum(a) FROM mine", session_id=first).data == b"3\n"
    assert server.http("SELECT getSetting('max_threads')", session_id=first).data == b"3\n"
    assert server.http("SELECT getSetting('max_threads')", session_id=first, max_threads=5).data == b"5\n"
    assert server.http("SELECT getSetting('max_threads')", session_id=first).data == b"3\n"
    assert server.http("SELECT sum(a) FROM mine", session_id=second).status == 404
    assert server.http("SELECT sum(a) FROM mine").status == 404


def test_session_takes_back_the_settings_of_one_request(server: Address) -> None:
    session = uuid4().hex
    asked = "SELECT getSetting('max_block_size')"
    usual = server.http(asked, session_id=session).data
    assert server.http(asked, session_id=session, max_block_size=17).data == b"17\n"
    assert server.http(asked, session_id=session).data == usual


def test_session_must_exist_if_asked(server: Address) -> None:
    answer = server.http("SELECT 1", session_id=uuid4().hex, session_check=1)
    assert answer.headers["X-ClickHouse-Exception-Code"] == "372"


def test_session_is_for_one_request_at_a_time(server: Address) -> None:
    session = uuid4().hex

    def hold() -> None:  # until it is this one, not a question below, that has the session
        while server.http("SELECT sleep(2)", session_id=session).status != 200:
            continue

    slow = threading.Thread(target=hold)
    slow.start()
    until("the session is in use", lambda: _code(server, session) == "373")
    slow.join()
    assert server.http("SELECT 1", session_id=session).data == b"1\n"


def _code(server: Address, session: str) -> str:
    return server.http("SELECT 1", session_id=session).headers.get("X-ClickHouse-Exception-Code", "")


def test_client_session(server: Address) -> None:
    with server.client(session_id=uuid4().hex) as client:
        client.command("CREATE TEMPORARY TABLE kept (a UInt8)")
        client.insert("kept", [[1], [2]], column_names=["a"])
        assert client.command("SELECT sum(a) FROM kept") == 3


def test_client_refuses_what_the_server_does_not_know(client: Client) -> None:
    with pytest.raises(DatabaseError) as caught:
        client.command("SELECT 1 SETTINGS no_such_setting = 1")
    assert caught.value.code == 115


def test_a_form_carries_the_query_and_its_parameters(server: Address) -> None:
    with server.client(form_encode_query_params=True) as client:
        found = client.query("SELECT {a:String}, {b:UInt8}", parameters={"a": "x" * 100_000, "b": 3}).result_rows
    assert found == [("x" * 100_000, 3)]


def test_external_data(client: Client) -> None:
    extra = ExternalData(file_name="pairs", data=b"1\tx\n2\ty\n", fmt="TSV", structure=["a UInt8", "b String"])
    found = client.query("SELECT a, b FROM pairs ORDER BY a", external_data=extra).result_rows
    assert found == [(1, "x"), (2, "y")]
    with pytest.raises(DatabaseError) as caught:
        client.query("SELECT a FROM pairs")
    assert caught.value.code == 60
