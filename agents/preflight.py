"""Before a worker starts: are broker, topics and tables what the delivery protocol needs?"""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from agents.build import bootstrap, open_redis
from agents.rules import rules_of
from agents.webhook import open_webhook
from clickhouse.client import connect
from clickhouse.preflight import check as check_store
from clickhouse.shards import addresses
from streams.errors import ConfigurationError, SinkUnavailable
from streams.listening import WORKER, listen
from streams.settings import Settings
from tables.declared import declared

IN_SYNC = 2
"""Replicas that must have an intent before it counts, where there are replicas."""

Configs = Mapping[str, Mapping[str, str]]
"""Topic name to its settings on the broker."""


async def preflight(settings: Settings, topics: frozenset[str]) -> None:
    """Check everything; raises ConfigurationError (what, which value, what to do) or SinkUnavailable."""
    listen(WORKER, settings.worker_host, settings.worker_port).close()
    rules_of(settings, declared)
    open_webhook(settings)
    open_redis(settings)
    await check_topics(settings, topics)
    for each in addresses(settings):
        client = await connect(each)
        try:
            await check_store(client, each)
        finally:
            await client.close()


async def check_topics(settings: Settings, topics: Iterable[str]) -> None:
    """Every topic exists, all have one partition count, and the log of intents is kept safely (R5)."""
    sources, intents = sorted(topics), settings.kafka_intents_topic
    async with _admin(settings) as admin:
        existing = set(await admin.list_topics())
        needed = [*sources, intents, settings.kafka_dead_letter_topic, settings.kafka_alert_topic]
        if missing := [name for name in needed if name not in existing]:
            raise ConfigurationError(
                f"topics are missing: {', '.join(missing)}. Create them with `millrace topics create`, or set "
                "KAFKA_BOOTSTRAP_SERVERS to the broker that has them"
            )
        described = {found["topic"]: found["partitions"] for found in await admin.describe_topics([*sources, intents])}
        answers = await admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, name) for name in [*sources, intents]]
        )
    check_counts(settings, {name: len(partitions) for name, partitions in described.items()})
    configs = {
        resource[3]: {entry[0]: entry[1] or "" for entry in resource[4]}
        for answer in answers
        for resource in answer.resources
    }
    replicas = min((len(partition["replicas"]) for partition in described[intents]), default=1)
    check_log(intents, sources, configs, replicas)


@asynccontextmanager
async def _admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    servers = bootstrap(settings)
    admin = AIOKafkaAdminClient(bootstrap_servers=servers, request_timeout_ms=10_000)
    try:
        await admin.start()
        yield admin
    except KafkaError as error:
        raise SinkUnavailable(
            f"the broker at KAFKA_BOOTSTRAP_SERVERS={servers} cannot be used: {error!r}. Is it running, and is the "
            "address right?"
        ) from error
    finally:
        await admin.close()


def check_counts(settings: Settings, counts: Mapping[str, int]) -> None:
    """A shard is one partition of every topic, so all must have as many as KAFKA_PARTITIONS says."""
    wrong = {name: count for name, count in counts.items() if count != settings.kafka_partitions}
    if wrong:
        listed = ", ".join(f"{name} has {count}" for name, count in sorted(wrong.items()))
        raise ConfigurationError(
            f"KAFKA_PARTITIONS={settings.kafka_partitions}, but {listed}. A shard is partition n of every source topic "
            "and of the intents, so all must have as many: set KAFKA_PARTITIONS, or follow the migration in "
            "docs/operations.md"
        )


def check_log(intents: str, sources: Iterable[str], configs: Configs, replicas: int) -> None:
    """R5: the intents are never compacted, outlive the sources, and with replicas are written to two of them.

    A setting that the broker does not tell is let be.
    """
    own = configs.get(intents, {})
    if "compact" in own.get("cleanup.policy", ""):
        raise ConfigurationError(
            f"topic {intents} has cleanup.policy={own['cleanup.policy']}; compaction would cut the log of intents: set "
            "it to delete"
        )
    kept = _milliseconds(own.get("retention.ms"))
    for name in sources:
        if kept is not None and kept < (_milliseconds(configs.get(name, {}).get("retention.ms")) or 0):
            raise ConfigurationError(
                f"topic {intents} has retention.ms={own['retention.ms']}, less than {name} has; the log of intents "
                "must outlast every source: set its retention.ms to -1"
            )
    if replicas > 1 and "min.insync.replicas" in own and int(own["min.insync.replicas"]) < IN_SYNC:
        raise ConfigurationError(
            f"topic {intents} has {replicas} replicas but min.insync.replicas={own['min.insync.replicas']}; an intent "
            f"could be lost with one broker: set it to {IN_SYNC}"
        )
    if replicas > 1 and own.get("unclean.leader.election.enable") == "true":
        raise ConfigurationError(
            f"topic {intents} allows unclean leader elections, which lose acknowledged intents: set "
            "unclean.leader.election.enable to false"
        )


def _milliseconds(value: str | None) -> float | None:
    """A retention as a number that compares; -1 is for ever, None is not told."""
    if not value:
        return None
    return float("inf") if int(value) < 0 else float(value)
