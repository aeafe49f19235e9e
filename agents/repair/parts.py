"""What a repair reads and writes through."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

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
from clickhouse.witness import Witness
from streams.errors import SinkUnavailable
from streams.settings import Settings
from streams.topics import source_topics


@dataclass(frozen=True, slots=True)
class Parts:
    """The connections of one repair."""

    settings: Settings
    client: AsyncClient
    producer: AIOKafkaProducer
    witness: Witness
    rows: ChainRows

    def source(self, shard: int) -> Source:
        """The shard's source topics."""
        return Source(shard, source_topics(), groupless(self.settings))

    def log(self, shard: int) -> IntentLog:
        """The shard's log of intents."""
        return IntentLog(self.settings.kafka_intents_topic, shard, self.producer, groupless(self.settings))


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Parts]:
    """Connect. Raises ConfigurationError, SinkUnavailable."""
    client = await connect(settings)
    try:
        producer = await open_producer(settings)
        try:
            yield Parts(settings, client, producer, Witness(client, settings.clickhouse_cluster), ChainRows(client))
        finally:
            await producer.stop()
    finally:
        await client.close()


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
