"""Several ClickHouse shards: every Kafka shard's rows lie on one of them, once, and its chain says on which."""

from pathlib import Path

import pytest

from agents import preflight
from agents.shard import State
from clickhouse.shards import addresses, of
from streams.errors import ConfigurationError
from streams.settings import Settings
from streams.topics import source_topics
from tests.support.command import millrace
from tests.support.feed import pipeline, produce, state_of
from tests.support.spread import exactly_once
from tests.support.store import Answers
from tests.support.wire import event, mixed

pytestmark = pytest.mark.slow


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


@pytest.mark.long
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
        ("http://a:1,b:2", "CLICKHOUSE_SHARD_URLS is b:2; it must read http://user:password@host:8123"),
    ],
)
def test_addresses_that_are_wrong_are_named(urls: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        addresses(Settings(clickhouse_shard_urls=urls))
