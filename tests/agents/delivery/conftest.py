"""A line to ClickHouse that fails as lines do."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from streams.settings import Settings
from tests.support.proxy import Proxy, proxy


@pytest.fixture
async def line(ready: Settings) -> AsyncIterator[tuple[Proxy, Settings]]:
    """A line to ClickHouse that can be disturbed, and the settings of a worker behind it."""
    url = urlsplit(ready.clickhouse_url or "")
    async with proxy(url.hostname or "", url.port or 0) as made:
        behind = url._replace(netloc=f"{url.username}:{url.password}@127.0.0.1:{made.port}").geturl()
        yield made, ready.model_copy(update={"clickhouse_url": behind, "retry_longest_seconds": 0.5})
