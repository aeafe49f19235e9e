"""What a repair reads and writes through."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from clickhouse_connect.driver.asyncclient import AsyncClient

from agents.build import bootstrap, groupless, open_producer
from agents.consumer import stop
from agents.log import IntentLog
from agents.source import Source
from clickhouse.chains import ChainRows
from clickhouse.client import connect
from clickhouse.shards import addresses
from clickhouse.witness import Witness
from streams.errors import SinkUnavailable
from streams.settings import Settings
from streams.topics import source_topics


@dataclass(frozen=True, slots=True)
class Parts:
    """The connections of one repair: of the ClickHouse shard whose rows it looks at."""

    settings: Settings
    client: AsyncClient
    producer: AIOKafkaProducer
    witness: Witness
    rows: ChainRows
    every: "Sequence[Parts]" = ()
    """The same of each ClickHouse shard, in order."""

    def of(self, shard: int) -> "Parts":
        """The parts for a Kafka shard."""
        return self.every[shard % len(self.every)] if self.every else self

    def source(self, shard: int) -> Source:
        """The shard's source topics."""
        return Source(shard, source_topics(), groupless(self.settings))

    def log(self, shard: int) -> IntentLog:
        """The shard's log of intents."""
        return IntentLog(self.settings.kafka_intents_topic, shard, self.producer, groupless(self.settings))


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Parts]:
    """Connect. Raises ConfigurationError, SinkUnavailable."""
    async with AsyncExitStack() as stack:
        clients = []
        for each in addresses(settings):
            clients.append(client := await connect(each))
            stack.push_async_callback(client.close)
        producer = await open_producer(settings)
        stack.push_async_callback(producer.stop)
        cluster = settings.clickhouse_cluster
        every = [Parts(settings, one, producer, Witness(one, cluster), ChainRows(one)) for one in clients]
        yield replace(every[0], every=every)


async def committed(settings: Settings, shard: int) -> dict[str, int]:
    """Per topic the offset that the workers' group committed after a delivered batch; empty where none is known.

    It may be missing, old or of one topic only, but never lies above what was delivered.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap(settings),
        group_id=settings.kafka_group,
        enable_auto_commit=False,
        request_timeout_ms=10_000,
    )
    found: dict[str, int] = {}
    try:
        await consumer.start()
        tps = [TopicPartition(topic, shard) for topic in source_topics()]
        consumer.assign(tps)
        for tp in tps:
            offset = await consumer.committed(tp)
            if offset:
                found[tp.topic] = int(offset)
    except KafkaError as error:
        raise SinkUnavailable(f"the broker does not tell the group's offsets: {error!r}") from error
    finally:
        await stop(consumer)
    return found


async def members(settings: Settings) -> list[str]:
    """The workers that the broker believes to be in the group; the embedded one keeps those that have gone."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap(settings), request_timeout_ms=10_000)
    try:
        await admin.start()
        answers = await admin.describe_consumer_groups([settings.kafka_group])
    except KafkaError as error:
        raise SinkUnavailable(f"the broker does not describe group {settings.kafka_group}: {error!r}") from error
    finally:
        await admin.close()
    return [str(member[0]) for answer in answers for group in answer.groups for member in group[5]]
