"""A line to ClickHouse that fails as lines do; a second ClickHouse, for streams over two ClickHouse shards."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import pytest

from clickhouse.client import connect
from clickhouse.shards import addresses
from streams.settings import Settings
from tests.support.clickhouse import PASSWORD, Server
from tests.support.proxy import Proxy, proxy
from tests.support.store import Answers
from tests.support.tables import migrated


@pytest.fixture
async def line(ready: Settings) -> AsyncIterator[tuple[Proxy, Settings]]:
    """A line to ClickHouse that can be disturbed, and the settings of a worker behind it."""
    url = urlsplit(ready.clickhouse_url or "")
    async with proxy(url.hostname or "", url.port or 0) as made:
        behind = url._replace(netloc=f"{url.username}:{url.password}@127.0.0.1:{made.port}").geturl()
        yield made, ready.model_copy(update={"clickhouse_url": behind, "retry_longest_seconds": 0.5})


@pytest.fixture(scope="module")
def second_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a ClickHouse beside the stack's."""
    server = Server(tmp_path_factory.mktemp("second"))
    yield server.address.url.replace("//", f"//default:{PASSWORD.replace(' ', '%20')}@")
    server.stop()


@pytest.fixture
def spread(ready: Settings, second_server: str, rollups: bool) -> Settings:
    """Settings of a test with two Kafka shards on two ClickHouse shards."""
    migrated(ready.model_copy(update={"clickhouse_url": second_server}), rollups=rollups)
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
