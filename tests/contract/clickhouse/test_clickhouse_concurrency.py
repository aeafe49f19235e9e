"""Many clients at once: inserts beside queries, query ids, cancelling, and queries that nobody waits for."""

import asyncio
import threading
import time
from uuid import uuid4

import clickhouse_connect
import pytest
import urllib3
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.support.clickhouse import Address
from tests.support.waiting import until

ENDLESS = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(number) SETTINGS max_threads = 1"


async def test_twenty_async_clients_insert_and_query(
    server: Address, database: str, client: Client, table: str
) -> None:
    client.command(f"CREATE TABLE {table} (who UInt8, n UInt64) ENGINE = MergeTree ORDER BY n")

    async def one(who: int) -> None:
        async with await clickhouse_connect.get_async_client(**server.arguments(database=database)) as own:
            for turn in range(5):
                rows = [[who, n] for n in range(1000)]
                await own.insert(table, rows, column_names=["who", "n"], settings={"async_insert": 0})
                asked = f"SELECT count() FROM {table} WHERE who = {{who:UInt8}}"
                found = await own.query(asked, parameters={"who": who})
                assert found.result_rows == [((turn + 1) * 1000,)]

    await asyncio.gather(*(one(who) for who in range(20)))
    assert client.command(f"SELECT count() FROM {table}") == 100_000


async def test_one_async_client_runs_queries_side_by_side(server: Address) -> None:
    options = {"autogenerate_session_id": False}
    async with await clickhouse_connect.get_async_client(**server.arguments(**options)) as client:
        started = time.monotonic()
        await asyncio.gather(*(client.query("SELECT sleep(3)") for _ in range(4)))
        assert time.monotonic() - started < 9


def test_a_slow_insert_blocks_no_query(server: Address, database: str, client: Client, table: str) -> None:
    client.command(f"CREATE TABLE {table} (n UInt64) ENGINE = MergeTree ORDER BY n")
    slow = (
        f"INSERT INTO {database}.{table} SELECT number + sleepEachRow(0.5) FROM numbers(4) SETTINGS max_block_size = 1"
    )
    thread = threading.Thread(target=server.http, args=[slow])
    thread.start()
    asked = 0
    while thread.is_alive():
        assert server.http("SELECT 1").data == b"1\n"
        asked += 1
    assert asked > 20


class _Running:
    """An endless query in a thread of its own."""

    def __init__(self, server: Address) -> None:
        self.query_id = f"contract/{uuid4().hex}"
        self.answer: urllib3.BaseHTTPResponse | None = None
        self._server = server
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        until("the query runs", lambda: running(server, self.query_id))

    def _run(self) -> None:
        self.answer = self._server.http(ENDLESS, query_id=self.query_id)

    def end(self) -> urllib3.BaseHTTPResponse:
        """Kill it and give its answer."""
        kill = "KILL QUERY WHERE query_id = {id:String}"
        self._server.http(kill.replace("{id:String}", f"'{self.query_id}'"))
        self._thread.join(20)
        assert self.answer is not None
        return self.answer


def running(server: Address, query_id: str) -> bool:
    """Whether the server knows a query of that id."""
    asked = "SELECT count() FROM system.processes WHERE query_id = {id:String}"
    return server.http(asked, param_id=query_id).data == b"1\n"


def test_a_running_query_shows_its_id_and_can_be_killed(server: Address) -> None:
    query = _Running(server)
    answer = query.end()
    assert answer.headers["X-ClickHouse-Exception-Code"] == "394"
    assert not running(server, query.query_id)


def test_an_id_in_use_is_refused(server: Address) -> None:
    query = _Running(server)
    answer = server.http("SELECT 1", query_id=query.query_id)
    query.end()
    assert answer.headers["X-ClickHouse-Exception-Code"] == "216"
    assert server.http("SELECT 1", query_id=query.query_id).data == b"1\n"


def test_query_log_knows_the_id(server: Address, client: Client, table: str) -> None:
    query_id = f"contract/{uuid4().hex}"
    client.command(f"CREATE TABLE {table} (n UInt64) ENGINE = MergeTree ORDER BY n")
    client.insert(table, [[1], [2]], column_names=["n"], settings={"query_id": query_id, "log_comment": "a comment"})
    client.command("SYSTEM FLUSH LOGS")
    asked = (
        "SELECT type, written_rows, log_comment, query_kind FROM system.query_log "
        "WHERE query_id = {id:String} AND type = 'QueryFinish'"
    )
    found = client.query(asked, parameters={"id": query_id}).result_rows
    assert found == [("QueryFinish", 2, "a comment", "Insert")]


def test_a_client_that_leaves_ends_its_read(server: Address) -> None:
    query_id = f"contract/{uuid4().hex}"
    target = f"{server.url}/?query_id={query_id}&cancel_http_readonly_queries_on_client_close=1"
    pool = urllib3.PoolManager(retries=False)
    with pytest.raises(urllib3.exceptions.TimeoutError):
        pool.request("POST", target, body=ENDLESS.encode(), headers=server.credentials, timeout=0.5)
    until("the query has ended", lambda: not running(server, query_id))


def test_the_client_gets_the_code_of_a_timeout(client: Client) -> None:
    with pytest.raises(DatabaseError) as caught:
        client.query(ENDLESS, settings={"max_execution_time": 1})
    assert caught.value.code == 159
