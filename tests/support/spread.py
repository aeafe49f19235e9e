"""A stream over two ClickHouse shards: questions to each, and the wait for its rows."""

from tests.support.store import Answers
from tests.support.waiting import eventually


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
        await eventually(f"{expected} rows", there, 30)
    except AssertionError:
        assert await counts() == wanted
