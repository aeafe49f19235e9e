"""Before a worker starts: are broker, topics and tables what the delivery protocol needs?"""

from collections.abc import Iterable

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from agents.build import bootstrap
from clickhouse.client import connect
from clickhouse.preflight import check as check_store
from streams.errors import ConfigurationError, SinkUnavailable
from streams.settings import Settings


async def preflight(settings: Settings, topics: frozenset[str]) -> None:
    """Check everything; raises ConfigurationError (what, which value, what to do) or SinkUnavailable."""
    await check_topics(settings, topics)
    client = await connect(settings)
    try:
        await check_store(client, settings)
    finally:
        await client.close()


async def check_topics(settings: Settings, topics: Iterable[str]) -> None:
    """Every topic exists, all have one partition count, and the log of intents is kept long enough (R5)."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap(settings), request_timeout_ms=10_000)
    try:
        await consumer.start()
        existing = await consumer.topics()
        needed = [*sorted(topics), settings.kafka_intents_topic, settings.kafka_dead_letter_topic]
        if missing := [name for name in needed if name not in existing]:
            raise ConfigurationError(
                f"topics are missing: {', '.join(missing)}. Create them with `millrace topics create`, or set "
                "KAFKA_BOOTSTRAP_SERVERS to the broker that has them"
            )
        counts = {name: len(consumer.partitions_for_topic(name) or ()) for name in needed}
    except KafkaError as error:
        raise SinkUnavailable(
            f"the broker at {bootstrap(settings)} cannot be reached: {error!r}. Is KAFKA_BOOTSTRAP_SERVERS right?"
        ) from error
    finally:
        await consumer.stop()
    _check_counts(settings, {name: n for name, n in counts.items() if name != settings.kafka_dead_letter_topic})
    await _check_log(settings)


def _check_counts(settings: Settings, counts: dict[str, int]) -> None:
    wrong = {name: count for name, count in counts.items() if count != settings.kafka_partitions}
    if wrong:
        listed = ", ".join(f"{name} has {count}" for name, count in sorted(wrong.items()))
        raise ConfigurationError(
            f"KAFKA_PARTITIONS={settings.kafka_partitions}, but {listed}. A shard is partition n of every source topic "
            "and of the intents, so all must have as many: set KAFKA_PARTITIONS, or follow the migration in "
            "docs/operations.md"
        )


async def _check_log(settings: Settings) -> None:
    """R5: the intents are never compacted and outlive the sources. A broker that tells no configuration is let be."""
    name = settings.kafka_intents_topic
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap(settings), request_timeout_ms=10_000)
    try:
        await admin.start()
        answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    except KafkaError as error:
        raise SinkUnavailable(f"the broker does not describe {name}: {error!r}") from error
    finally:
        await admin.close()
    config = {entry[0]: entry[1] for answer in answers for resource in answer.resources for entry in resource[4]}
    if "compact" in (config.get("cleanup.policy") or ""):
        raise ConfigurationError(
            f"topic {name} has cleanup.policy={config['cleanup.policy']}; compaction would cut the log of intents: "
            "set it to delete"
        )
