"""The client: where it connects, what it sends twice, and how errors are told apart."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError, OperationalError
from pydantic import SecretStr

from clickhouse.client import classify, connect, connect_sync, insert_settings, is_outage, native, unrepeated
from clickhouse.columns import DEAD_LETTERS
from streams.errors import (
    BatchAged,
    BlockRefused,
    ConfigurationError,
    MillraceError,
    SchemaDrift,
    SinkUnavailable,
)
from streams.settings import Settings


class Cutter:
    """A connection to ClickHouse that passes requests on, but is cut before the answer to an insert arrives."""

    def __init__(self, settings: Settings) -> None:
        credentials, _, address = str(settings.clickhouse_url).removeprefix("http://").rpartition("@")
        self.credentials = credentials
        self.host, _, port = address.partition(":")
        self.port = int(port)
        self.inserts = 0
        self.server: asyncio.Server | None = None

    async def start(self) -> str:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://{self.credentials}@127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        assert self.server is not None
        self.server.close()
        await self.server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, ahead = await asyncio.open_connection(self.host, self.port)
        cut = False

        async def requests() -> None:
            nonlocal cut
            while data := await reader.read(1 << 16):
                if b"INSERT" in data:
                    self.inserts += 1
                    cut = True
                ahead.write(data)
                await ahead.drain()
            ahead.close()

        async def answers() -> None:
            while data := await behind.read(1 << 16):
                if cut:
                    break
                writer.write(data)
                await writer.drain()
            writer.close()

        forth = asyncio.create_task(requests())
        try:
            await answers()
        finally:
            forth.cancel()
            ahead.close()


@pytest.fixture
def rollups() -> bool:
    """What the client does has nothing to do with them."""
    return False


@pytest.fixture
async def cutter(store: Settings) -> AsyncIterator[Cutter]:
    cutter = Cutter(store)
    yield cutter
    await cutter.stop()


@pytest.fixture
async def cut_client(cutter: Cutter, store: Settings) -> AsyncIterator[AsyncClient]:
    client = await connect(store.model_copy(update={"clickhouse_url": await cutter.start()}))
    yield client
    await client.close()


def lines(count: int) -> bytes:
    return b"".join(b'{"shard":%d,"relation":"none","intent":1}\n' % n for n in range(count))


async def test_r9_an_unrepeated_body_is_sent_once_when_the_connection_is_cut(
    cutter: Cutter, cut_client: AsyncClient, store: Settings
) -> None:
    with pytest.raises(OperationalError) as caught:
        await cut_client.raw_insert(
            "delivered", insert_block=unrepeated(lines(3)), fmt="JSONEachRow", settings=insert_settings(store, "t")
        )

    assert isinstance(classify(caught.value), SinkUnavailable)
    assert cutter.inserts == 1


async def test_the_client_sends_other_bodies_twice(cutter: Cutter, cut_client: AsyncClient, store: Settings) -> None:
    """Why `unrepeated` exists; if this fails, a new version of the client has changed, and so may its users."""
    with pytest.raises(OperationalError):
        await cut_client.raw_insert("delivered", insert_block=lines(3), fmt="JSONEachRow")
    assert cutter.inserts == 2

    with pytest.raises(OperationalError):
        await cut_client.insert(
            "delivered", [[1, "none"]], ["shard", "relation"], column_type_names=["UInt16", "String"]
        )
    assert cutter.inserts == 4


async def test_concurrent_queries_do_not_refuse_each_other(async_client: AsyncClient) -> None:
    results = await asyncio.gather(*(async_client.query("SELECT sleep(0.05)") for _ in range(8)))

    assert len(results) == 8


async def test_native_rows_come_back_byte_for_byte(async_client: AsyncClient, store: Settings) -> None:
    [(now,)] = (await async_client.query("SELECT now64(3, 'UTC')")).result_rows
    value = bytes(range(256))
    row = [now, now, "c", 1, "rides.user", 1, 2**64 - 1, 1, "n", 1, "v", "malformed", "", "wörds", "", "", "", 0]
    row += [b"\xff\x00", value, [("a", b"\xfe"), ("a", b"")], False, True, [1]]
    body = native([c.name for c in DEAD_LETTERS], [c.clickhouse_type for c in DEAD_LETTERS], [row])

    await async_client.raw_insert(
        "dead_letters", insert_block=unrepeated(body), fmt="Native", settings=insert_settings(store, "t/dead_letters")
    )

    found = await async_client.query(
        "SELECT hex(key), hex(value), arrayMap(h -> hex(h.2), headers), value_is_null, null_headers, offset "
        "FROM dead_letters"
    )
    assert found.result_rows == [("FF00", value.hex().upper(), ["FE", ""], True, [1], 2**64 - 1)]


def test_native_names_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        native(["shard"], ["UInt16"], [["no number"]])


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (None, "CLICKHOUSE_URL is not set"),
        ("clickhouse://h:9000", "it must read http://"),
        ("localhost:8123", "CLICKHOUSE_URL is localhost:8123; it must read http://"),
        ("http://me:hush@host", r"CLICKHOUSE_URL is http://me:\*\*\*@host; .* with the port"),
        ("me:hush@host:8123", r"CLICKHOUSE_URL is me:\*\*\*@host:8123"),
        ("http://host:port", "with the port"),
    ],
)
async def test_a_url_that_cannot_work_is_refused_without_its_password(url: str | None, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as refused:
        await connect(Settings(clickhouse_url=url, clickhouse_password=SecretStr("hush")))
    assert "hush" not in str(refused.value)


async def test_no_server_is_an_outage(unused_tcp_port_factory: Callable[[], int]) -> None:
    settings = Settings(clickhouse_url=f"http://127.0.0.1:{unused_tcp_port_factory()}")

    with pytest.raises(SinkUnavailable, match="cannot be reached"):
        await connect(settings)
    with pytest.raises(SinkUnavailable, match="cannot be reached"):
        connect_sync(settings)


async def test_a_wrong_password_is_a_matter_of_configuration(store: Settings) -> None:
    _, _, address = str(store.clickhouse_url).rpartition("@")
    settings = Settings(clickhouse_url=f"http://default:wrong@{address}")

    with pytest.raises(ConfigurationError, match="516"):
        await connect(settings)


async def test_a_missing_database_says_how_to_make_it(empty: Settings) -> None:
    with pytest.raises(SchemaDrift, match="Run `millrace migrate apply`"):
        await connect(empty)


REFUSED = {
    "INSERT INTO delivered (shard) VALUES ('x')": BlockRefused,
    'INSERT INTO delivered FORMAT JSONEachRow {"shard": "x"}': BlockRefused,
    'INSERT INTO delivered FORMAT JSONEachRow {"no_such": 1}': SchemaDrift,
    "INSERT INTO no_such_table VALUES (1)": SchemaDrift,
    "SELECT no_such_column FROM delivered": SchemaDrift,
    "SELECT 1 FROM no_such_database.t": SchemaDrift,
    "SELECT FROM WHERE": ConfigurationError,
    "SELECT no_such_function(1)": ConfigurationError,
    "SELECT 1 SETTINGS no_such_setting = 1": ConfigurationError,
    "INSERT INTO events_raw (event_id, ingested_at) VALUES ('a', now64(3) - INTERVAL 6 MINUTE)": BatchAged,
    "INSERT INTO dead_letters (ingested_at) VALUES (now64(3) + INTERVAL 2 MINUTE)": BatchAged,
    "SELECT throwIf(1)": BlockRefused,
    "SELECT sleep(3) SETTINGS max_execution_time = 0.1, function_sleep_max_microseconds_per_block = 0": SinkUnavailable,
}


@pytest.mark.parametrize("sql", REFUSED, ids=lambda sql: sql[:50])
def test_what_the_server_refuses_has_its_class(sql: str, client: Client) -> None:
    with pytest.raises(ClickHouseError) as caught:
        client.command(sql, settings={"async_insert": 0, "input_format_skip_unknown_fields": 0})

    found = classify(caught.value)

    assert type(found) is REFUSED[sql], found
    assert str(found)


@pytest.mark.parametrize("code", [3, 159, 202, 209, 210, 241, 242, 243, 252, 319, 999, 12345])
def test_what_passes_is_an_outage(code: int) -> None:
    assert type(classify(DatabaseError("x", code=code))) is SinkUnavailable
    assert is_outage(DatabaseError("x", code=code)) == (code != 12345)


def test_another_constraint_is_not_age() -> None:
    assert type(classify(DatabaseError("Constraint `other` is violated", code=469))) is BlockRefused


def test_our_own_errors_stay_and_bugs_are_raised() -> None:
    own = MillraceError("x")
    assert classify(own) is own
    assert isinstance(classify(TimeoutError()), SinkUnavailable)
    with pytest.raises(KeyError):
        classify(KeyError("a bug"))
