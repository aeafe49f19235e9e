"""Put the delivery of one worker together from its settings: connections, stages and shards."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError
from clickhouse_connect.driver.asyncclient import AsyncClient
from redis.asyncio import Redis

import streams.refresh  # noqa: F401  # a broker that is away costs no core
from agents import places
from agents.alert_topic import AlertTopic
from agents.alerts import Alerts
from agents.dead_letter import DeadLetterTopic
from agents.deduplicate import Memory
from agents.deliver import Limits, Store
from agents.flow import Flow
from agents.gate import Gate
from agents.judge import Policy
from agents.locate import Locate
from agents.log import IntentLog
from agents.pace import Pace
from agents.pressure import Pressure
from agents.recover import Beginning
from agents.render import Render
from agents.rules import rules_of
from agents.shards import Positions, Shards, every
from agents.source import Source
from agents.suppress import Suppressed, pseudonyms_of
from agents.surroundings import Sizes, Surroundings
from agents.watch import Watch
from agents.webhook import Webhook, open_webhook
from agents.windows import Realtime
from clickhouse.chains import ChainRows
from clickhouse.client import connect
from clickhouse.columns import DEDUPLICATION_WINDOW
from clickhouse.holds import Holds
from clickhouse.partials import Partials
from clickhouse.realtime import RealtimeTable
from clickhouse.repair import Repairs
from clickhouse.shards import addresses
from clickhouse.sink import Sink
from clickhouse.suppressions import Suppressions
from clickhouse.witness import Clock, Witness
from streams.addresses import without_password
from streams.errors import ConfigurationError, MillraceError, SinkUnavailable
from streams.settings import Settings
from streams.topics import source_topics
from streams.world import zones
from tables.columns import Spotter
from tables.declared import declared
from tables.live import Live
from tables.panes import Table
from tables.window import Declared

LOOK_SECONDS = 60.0
"""Longest look of the alerts, with what it sends: another worker takes over after it."""
REDIS_SECONDS = 5.0
"""Longest wait for an answer of Redis."""
SMALLEST_BUFFER = 4 * 1024 * 1024
"""Source bytes that a shard may always hold, however many there are."""


@dataclass(slots=True)
class Running:
    """What a worker has open."""

    shards: Shards
    producer: AIOKafkaProducer
    clients: Sequence[AsyncClient]
    clock: Clock
    redis: Redis | None
    watch: Watch | None
    """None where nothing is published, and so nothing can be judged."""
    webhook: Webhook | None
    alert_seconds: float
    watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look after the shards, and to judge alerts."""
        self.shards.start()
        if self.watch is not None:
            self.watching = asyncio.create_task(every(self.alert_seconds, self.watch.look, "alerts"), name="alerts")

    async def close(self, seconds: float) -> None:
        """Close the shards in order, then the connections."""
        if self.watching is not None:
            self.watching.cancel()
            await asyncio.wait([self.watching])
        if self.watch is not None:
            await self.watch.leave()
        await self.shards.stop(seconds)
        if self.webhook is not None:
            await self.webhook.close()
        await self.producer.stop()
        for client in self.clients:
            await client.close()
        if self.redis is not None:
            await self.redis.aclose()


def bootstrap(settings: Settings) -> str:
    """The brokers' addresses. Raises ConfigurationError if none are set."""
    if not settings.kafka_bootstrap_servers:
        raise ConfigurationError(
            "KAFKA_BOOTSTRAP_SERVERS is not set; set it to host:port of a broker, or run `millrace up`, "
            "which starts one of its own"
        )
    return settings.kafka_bootstrap_servers


def groupless(settings: Settings) -> Callable[[], AIOKafkaConsumer]:
    """Makes consumers that seek by themselves, read what is committed, and never reset a position by policy."""
    servers = bootstrap(settings)

    def new() -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            bootstrap_servers=servers,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            max_partition_fetch_bytes=settings.kafka_fetch_bytes,
            fetch_max_wait_ms=100,
            request_timeout_ms=10_000,
        )

    return new


async def open_producer(settings: Settings) -> AIOKafkaProducer:
    """A producer with acks=all. Raises SinkUnavailable."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap(settings), acks="all", compression_type="lz4", request_timeout_ms=10_000
    )
    try:
        await producer.start()
    except KafkaError as error:
        await producer.stop()
        raise SinkUnavailable(f"the broker cannot be reached: {error!r}. Is KAFKA_BOOTSTRAP_SERVERS right?") from error
    return producer


async def open_worker(
    settings: Settings,
    version: str,
    flow: Flow,
    positions: Positions,
    topics: frozenset[str] | None = None,
    table: Table | None = None,
    page: str = "",
) -> Running:
    """Connect and build the shards of one worker; nothing runs until they are assigned.

    `table` holds the panes of the windows; without one, a plain dictionary does.

    Raises ConfigurationError, SinkUnavailable.
    """
    pseudonyms = pseudonyms_of(settings)
    clients = await _connect_all(settings)
    try:
        producer = await open_producer(settings)
    except SinkUnavailable:
        for client in clients:
            await client.close()
        raise
    limits = _limits(settings)
    dead = DeadLetterTopic(settings.kafka_dead_letter_topic, producer, limits.backoff())
    stores = [_store(settings, client, dead) for client in clients]
    consumer = groupless(settings)
    names = topics or frozenset(source_topics())
    locate = Locate(zones.points(), places.load())
    redis = open_redis(settings)
    pressure = Pressure(clients, settings.batch_parts_soft_limit)
    suppressed = Suppressed(Suppressions(clients[0], settings.clickhouse_cluster), pseudonyms)
    around = Surroundings(
        group=settings.kafka_group,
        version=version,
        topics=names,
        flow=flow,
        stores=stores,
        memory=Memory(settings.duplicate_memory_events, settings.duplicate_memory_seconds),
        memory_seconds=settings.duplicate_memory_seconds,
        render=Render(locate),
        policy=Policy.of(settings, suppressed),
        sizes=_sizes(settings),
        limits=limits,
        beginning=Beginning(settings.kafka_reset, settings.kafka_forgets, version, len(clients)),
        gate=Gate(Holds(clients[0], settings.clickhouse_cluster), suppressed),
        page=page,
        realtime=_realtime(settings, clients, redis, names, {} if table is None else table, locate),
        counted=asyncio.Event(),
        intent_log=lambda shard: IntentLog(settings.kafka_intents_topic, shard, producer, consumer),
        source=lambda shard: Source(shard, names, consumer),
        pace=Pace(settings.batch_rows, settings.batch_bytes, settings.batch_seconds, pressure.stretch),
    )
    shards = Shards(around, positions, pressure, settings.audit_seconds, settings.live_publish_seconds)
    webhook = open_webhook(settings)
    watch = _watch(settings, redis, producer, webhook) if redis is not None else None
    return Running(shards, producer, clients, stores[0].clock, redis, watch, webhook, settings.alert_evaluate_seconds)


async def _connect_all(settings: Settings) -> list[AsyncClient]:
    """A client of each ClickHouse shard, in order; all or none."""
    clients: list[AsyncClient] = []
    try:
        for each in addresses(settings):
            clients.append(await connect(each))
    except MillraceError:
        for client in clients:
            await client.close()
        raise
    return clients


def _store(settings: Settings, client: AsyncClient, dead: DeadLetterTopic) -> Store:
    witness = Witness(client, settings.clickhouse_cluster)
    sink, repairs = Sink(client, settings), Repairs(client, settings)
    return Store(sink, witness, ChainRows(client), Clock(witness), repairs, dead)


def token_seconds(settings: Settings) -> float:
    """How long a batch's token must be remembered: its age, a minute of clock difference, the longest insert."""
    return settings.batch_age_seconds + 60 + settings.clickhouse_timeout_seconds


def open_redis(settings: Settings) -> Redis | None:
    """Where live numbers are published, not yet connected; None where there are none. Raises ConfigurationError."""
    if not settings.redis_url or not settings.windows_enabled:
        return None
    try:
        redis = Redis.from_url(settings.redis_url, socket_timeout=REDIS_SECONDS)
        # Where it takes its options, and first complains of them.
        redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"REDIS_URL={without_password(settings.redis_url)} cannot be used: {error}. Correct its options"
        ) from None
    return redis


def _watch(settings: Settings, redis: Redis, producer: AIOKafkaProducer, webhook: Webhook | None) -> Watch:
    rules = rules_of(settings, declared)
    topic = AlertTopic(settings.kafka_alert_topic, producer)
    told = webhook.send if webhook is not None else None
    live = Live(redis, settings.kafka_group, declared, expected=settings.kafka_partitions)
    lease = settings.alert_evaluate_seconds * 2 + LOOK_SECONDS
    return Watch(live, redis, settings.kafka_group, rules, lambda saved: Alerts(rules, topic.send, told, saved), lease)


def _realtime(
    settings: Settings,
    clients: Sequence[AsyncClient],
    redis: Redis | None,
    topics: frozenset[str],
    table: Table,
    spot: Spotter,
) -> Realtime:
    (partials, kept), *further = [(Partials(client), RealtimeTable(client, settings)) for client in clients]
    return Realtime(
        declared=declared if settings.windows_enabled else Declared(),
        table=table,
        spot=spot,
        partials=partials,
        kept=kept,
        redis=redis,
        group=settings.kafka_group,
        topics=topics,
        disorder=int(settings.watermark_disorder_seconds * 1000),
        further=further,
    )


def _limits(settings: Settings) -> Limits:
    return Limits(
        age=settings.batch_age_seconds,
        settle=settings.batch_settle_seconds,
        retry_first=settings.retry_first_seconds,
        retry_longest=settings.retry_longest_seconds,
    )


def _sizes(settings: Settings) -> Sizes:
    return Sizes(
        buffer_bytes=max(SMALLEST_BUFFER, settings.buffer_bytes // settings.kafka_partitions),
        event_bytes=settings.event_bytes_limit,
        idle_seconds=settings.shard_idle_close_seconds,
        repeat_seconds=settings.shard_closed_repeat_seconds,
        dead_share=settings.dead_letter_limit,
        dead_records=settings.dead_letter_limit_records,
        partitions=settings.kafka_partitions,
        idle_topic_seconds=settings.watermark_idle_seconds,
        skew_seconds=settings.watermark_skew_seconds,
        seconds_a_part=token_seconds(settings) / DEDUPLICATION_WINDOW * settings.kafka_partitions,
    )
