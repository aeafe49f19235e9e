"""Which ClickHouse shard has the rows of a Kafka shard: those of n lie on n modulo the number of ClickHouse shards."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from clickhouse.client import check_url, connect, connect_sync
from clickhouse.feeds import rows
from clickhouse.replica import OWN, Replica
from streams.errors import ConfigurationError
from streams.settings import Settings


def addresses(settings: Settings) -> list[Settings]:
    """The settings of each ClickHouse shard, in order: only their URL differs. At least one.

    Raises ConfigurationError for a list that names one address twice, or none.
    """
    if settings.clickhouse_shard_urls is None:
        return [settings]
    urls = [url.strip() for url in settings.clickhouse_shard_urls.split(",") if url.strip()]
    if not urls or len(set(urls)) < len(urls):
        raise ConfigurationError(
            f"CLICKHOUSE_SHARD_URLS names {len(urls)} addresses, {len(set(urls))} of them different; name one replica "
            "of each ClickHouse shard, in the order of remote_servers, with commas between them"
        )
    for url in urls:
        check_url(url, "CLICKHOUSE_SHARD_URLS")
    return [settings.model_copy(update={"clickhouse_url": url}) for url in urls]


def of(settings: Settings, shard: int) -> Settings:
    """The settings of the ClickHouse shard that has the rows of a Kafka shard. Raises as `addresses` does."""
    every = addresses(settings)
    return every[shard % len(every)]


_PLACE = """
SELECT (SELECT any(substitution) FROM system.macros WHERE macro = 'shard'),
    (SELECT uniqExact(shard_num) FROM system.clusters WHERE cluster = {cluster:String})
"""


@asynccontextmanager
async def every(settings: Settings) -> AsyncIterator[list[Replica]]:
    """One replica of each ClickHouse shard, in order, which has caught up; of a single server the server.

    Raises ConfigurationError where the addresses are not those of every shard, once each, and as `connect` does.
    """
    cluster = settings.clickhouse_cluster
    async with AsyncExitStack() as stack:
        found = []
        for each in addresses(settings):
            client = await connect(each)
            stack.push_async_callback(client.close)
            found.append(Replica(client, cluster))
        if cluster:
            places = [(await rows(each.client, _PLACE, {"cluster": cluster}))[0] for each in found]
            check_places(cluster, [str(shard) for shard, _ in places], max(int(count) for _, count in places))
        for replica in found:
            await replica.catch_up()
        yield found


class Place(NamedTuple):
    """A ClickHouse shard, by the replica that is asked."""

    name: str
    """As the cluster names it, by the macro `shard`; empty on a single server."""
    client: Client


@contextmanager
def every_sync(settings: Settings) -> Iterator[list[Place]]:
    """The same as `every` for code without an event loop. Raises as it does, and ClickHouse's errors."""
    cluster = settings.clickhouse_cluster
    with ExitStack() as stack:
        found = []
        for own in addresses(settings):
            client = connect_sync(own)
            stack.callback(client.close)
            found.append(Place("", client))
        if cluster:
            places = [each.client.query(_PLACE, {"cluster": cluster}).result_rows[0] for each in found]
            check_places(cluster, [str(shard) for shard, _ in places], max(int(count) for _, count in places))
            found = [Place(str(name), each.client) for each, (name, _) in zip(found, places, strict=True)]
            for each in found:
                catch_up(each.client)
        yield found


def catch_up(client: Client, *tables: str) -> None:
    """Wait until a replica has what any had committed in these tables, or in all (see `Replica.catch_up`).

    Raises ClickHouse's errors.
    """
    for table in tables or [str(name) for (name,) in client.query(OWN).result_rows]:
        client.command(f"SYSTEM SYNC REPLICA {table} LIGHTWEIGHT")


def check_places(cluster: str, named: Sequence[str], count: int) -> None:
    """Raise ConfigurationError unless the addresses, of the shards `named`, lead to each of `count` shards once."""
    if len(set(named)) != len(named) or len(named) != count:
        raise ConfigurationError(
            f"cluster {cluster} has {count} shards, and the addresses lead to {', '.join(named)}: what is done to "
            "tables has to be done on every shard. Name one replica of each in CLICKHOUSE_SHARD_URLS, in the order of "
            "remote_servers"
        )
