"""Several ClickHouse shards: every Kafka shard's rows lie on one of them, once, and its chain says on which."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from agents import preflight
from agents.repair import chain
from agents.repair.parts import opened
from agents.shard import State
from clickhouse.client import FRESH, connect
from clickhouse.columns import WITNESSED
from clickhouse.shards import addresses, of
from streams.cli.topics import create
from streams.errors import ConfigurationError
from streams.settings import Settings
from streams.topics import source_topics
from tests.support.clickhouse import PASSWORD, Server
from tests.support.command import millrace
from tests.support.feed import pipeline, produce, state_of
from tests.support.store import Answers
from tests.support.tables import migrated
from tests.support.waiting import eventually
from tests.support.wire import event, mixed

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def second_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a ClickHouse beside the stack's."""
    server = Server(tmp_path_factory.mktemp("second"))
    yield server.address.url.replace("//", f"//default:{PASSWORD.replace(' ', '%20')}@")
    server.stop()


@pytest.fixture
def spread(ready: Settings, second_server: str) -> Settings:
    """Settings of a test with two Kafka shards on two ClickHouse shards."""
    migrated(ready.model_copy(update={"clickhouse_url": second_server}), rollups=False)
    return ready.model_copy(update={"clickhouse_shard_urls": f"{ready.clickhouse_url},{second_server}"})


@pytest.fixture
async def stores(spread: Settings) -> AsyncIterator[list[Answers]]:
    """Questions to each ClickHouse shard."""
    async with AsyncExitStack() as stack:
        made = []
        for each in addresses(spread):
            client = await connect(each)
            stack.push_async_callback(client.close)
            made.append(Answers(client))
        yield made


async def exactly_once(stores: list[Answers], expected: list[int], of_all: int = 2) -> None:
    """Wait until the ClickHouse shards hold so many rows, each once and each of its own Kafka shard."""

    async def counts() -> list[tuple[int, int, int]]:
        found = []
        for number, store in enumerate(stores):
            rows = [await store.count(table) for table in ("events_raw", "events")]
            distinct = [await store.distinct(table) for table in ("events_raw", "events")]
            own = [await store.count(table, f"shard % {of_all} = {number}") for table in ("events_raw", "events")]
            found.append((sum(rows), sum(distinct), sum(own)))
        return found

    wanted = [(rows, rows, rows) for rows in expected]

    async def there() -> bool:
        return await counts() == wanted

    try:
        await eventually(f"{expected} rows", there)
    except AssertionError:
        assert await counts() == wanted


@pytest.mark.parametrize("windows", [True])
async def test_r9_every_shard_delivers_to_its_own_clickhouse_shard_once(
    spread: Settings, stores: list[Answers]
) -> None:
    letter, _ = event("booking.created", 1)
    await produce(spread, [*mixed(300), (letter, 0, b"{"), (letter, 1, b"{"), (letter, 1, b"[")])
    await preflight.preflight(spread, frozenset(source_topics()))
    for _ in range(2):
        async with pipeline(spread) as worker:
            await state_of(worker, State.RUNNING, 1)
            worker.crash()
    async with pipeline(spread):
        await exactly_once(stores, [150, 150])
    for number, store in enumerate(stores):
        assert await store.rows("SELECT DISTINCT shard FROM delivered") == [(number,)]
        assert await store.count("dead_letters") == number + 1
    audit = (await millrace(spread, "batches", "--verify", "--json")).json
    assert {line["state"] for line in audit} <= {"held", "delivered", "newest"}, [
        (line["shard"], line["seq"], line["kind"], line["rows"], line["state"]) for line in audit
    ]

    # R12: what is remembered and where the chain stands are read from the shard's own ClickHouse.
    await produce(spread, mixed(300))
    async with pipeline(spread):
        await produce(spread, mixed(20, first=5000))
        await exactly_once(stores, [160, 160])


async def test_r11_another_number_of_clickhouse_shards_is_refused(spread: Settings, stores: list[Answers]) -> None:
    await produce(spread, mixed(200))
    async with pipeline(spread):
        await exactly_once(stores, [100, 100])
    await produce(spread, mixed(200, first=200))

    fewer = spread.model_copy(update={"clickhouse_shard_urls": None})
    async with pipeline(fewer) as worker:
        for number in (0, 1):
            await state_of(worker, State.STOPPED, number)
        assert "lies on ClickHouse shard 1 of 2, but CLICKHOUSE_SHARD_URLS names 1" in worker.shards[1].problem

    async with pipeline(spread):
        await exactly_once(stores, [200, 200])


@pytest.mark.faults
async def test_a_kafka_shard_moves_to_a_new_clickhouse_shard(
    ready: Settings, spread: Settings, stores: list[Answers]
) -> None:
    """As clickhouse/README.md says under "More shards", but for the hold."""
    await produce(ready, mixed(200))
    async with pipeline(ready):
        await exactly_once(stores[:1], [200], of_all=1)
    for table in await _sharded(stores[0]):
        await _move(stores, table, shard=1)
    anew = spread.model_copy(update={"kafka_intents_topic": "intents-anew", "kafka_forgets": False})
    await create(anew)
    async with opened(anew) as parts:
        for number in (0, 1):
            plan = await chain.plan(parts.of(number), number)
            record, _ = await chain.begin(parts.of(number), plan, "tests", False)
            assert (record.stores, record.rows, plan.lost) == (2, {}, {})

    await produce(ready, [*mixed(200, first=200), *mixed(200)])  # the new home knows what the old one accepted
    async with pipeline(anew):
        await exactly_once(stores, [200, 200])


async def _sharded(store: Answers) -> list[str]:
    return [
        name
        for (name,) in await store.rows(
            "SELECT table FROM system.columns WHERE database = currentDatabase() AND name = 'shard' AND table IN "
            "(SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree')"
        )
    ]


async def _move(stores: list[Answers], table: str, shard: int) -> None:
    old, new = (store.client for store in stores)
    await new.command(f"CREATE TABLE {table}_staging AS {table}")
    if table in WITNESSED:
        await new.command(f"ALTER TABLE {table}_staging DROP CONSTRAINT {FRESH}")
    rows = await old.raw_query(f"SELECT * FROM {table} WHERE shard = {shard}", fmt="Native")
    await new.raw_insert(f"{table}_staging", insert_block=rows, fmt="Native", settings={"async_insert": 0})
    parts = "SELECT DISTINCT partition_id FROM system.parts WHERE active AND database = currentDatabase() AND table = "
    for (partition,) in await stores[1].rows(f"{parts}'{table}_staging'"):
        await new.command(f"ALTER TABLE {table} ATTACH PARTITION ID '{partition}' FROM {table}_staging")
    await new.command(f"DROP TABLE {table}_staging")
    await old.command(f"DELETE FROM {table} WHERE shard = {shard}")


def test_kafka_shards_go_round_the_clickhouse_shards(tmp_path: Path) -> None:
    settings = Settings(clickhouse_shard_urls="http://a:1, http://b:2,http://c:3")

    assert [of(settings, shard).clickhouse_url for shard in range(4)] == [
        "http://a:1",
        "http://b:2",
        "http://c:3",
        "http://a:1",
    ]
    assert addresses(Settings(clickhouse_url="http://a:1"))[0].clickhouse_url == "http://a:1"


@pytest.mark.parametrize(
    ("urls", "said"),
    [
        (",", "names 0 addresses"),
        ("http://a:1,http://a:1", "names 2 addresses, 1 of them different"),
        ("http://a:1,b:2", "CLICKHOUSE_SHARD_URLS is b://; it must read http://user:password@host:8123"),
    ],
)
def test_addresses_that_are_wrong_are_named(urls: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        addresses(Settings(clickhouse_shard_urls=urls))
