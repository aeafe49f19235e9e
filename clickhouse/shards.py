"""Which ClickHouse shard has the rows of a Kafka shard: those of n lie on n modulo the number of ClickHouse shards."""

from clickhouse.client import check_url
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
