"""What a stranger does to the consumer group and to the log of intents."""

import asyncio
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import CommitFailedError, IllegalStateError, for_code
from aiokafka.protocol.admin import DeleteGroupsRequest

from agents.consumer import stop
from streams import intent
from streams.settings import Settings
from streams.topics import source_topics

TRIES = 40
JOIN_SECONDS = 60.0
FIRST = "a-stranger"
"""Members share out partitions in the order of their names, and workers are called otherwise."""
NO_GROUP = 69
"""Kafka's code for a group that it does not know."""


async def rewind(settings: Settings) -> None:
    """Join the group, commit offset 0 of every partition that it gives, and leave."""
    consumer = AIOKafkaConsumer(
        *source_topics(),
        bootstrap_servers=settings.kafka_bootstrap_servers,
        group_id=settings.kafka_group,
        client_id=FIRST,
        partition_assignment_strategy=(RangePartitionAssignor,),
        enable_auto_commit=False,
        session_timeout_ms=int(settings.kafka_session_timeout_seconds * 1000),
        rebalance_timeout_ms=int(settings.kafka_rebalance_timeout_seconds * 1000),
    )
    try:
        async with asyncio.timeout(JOIN_SECONDS):
            await consumer.start()
            while not await _rewound(consumer):  # noqa: ASYNC110  # nothing tells
                await asyncio.sleep(0.1)
    finally:
        await stop(consumer)


async def _rewound(consumer: AIOKafkaConsumer) -> bool:
    """Whether offset 0 is committed of all that the consumer has; not if the group is just sharing out anew."""
    try:
        await consumer.commit(dict.fromkeys(consumer.assignment(), 0))
    except (CommitFailedError, IllegalStateError):
        return False
    return bool(consumer.assignment())


async def delete(settings: Settings) -> None:
    """Delete the group, which must have no members any more."""
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    await admin.start()
    try:
        for _ in range(TRIES):
            coordinator = await admin.find_coordinator(settings.kafka_group)
            answer = await admin._send_request(DeleteGroupsRequest([settings.kafka_group]), coordinator)
            [(_, code)] = answer.results
            if code in (0, NO_GROUP):
                return
            await asyncio.sleep(0.5)
        raise AssertionError(f"the broker does not delete the group: {for_code(code).__name__}")
    finally:
        await admin.close()


async def to_end(settings: Settings) -> None:
    """Set the group's offsets to the end of every source topic; it must have no members."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers, group_id=settings.kafka_group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        places = [TopicPartition(topic, n) for topic in source_topics() for n in range(settings.kafka_partitions)]
        consumer.assign(places)
        await asyncio.sleep(0)
        await consumer.commit(await consumer.end_offsets(places))
    finally:
        await stop(consumer)


async def repeat_intents(settings: Settings) -> None:
    """Append the newest record of every shard's log once more."""
    newest = await _newest(settings)
    await _append(settings, [(shard, value) for shard, value in newest.items() if value is not None])


async def void_intents(settings: Settings) -> dict[int, int]:
    """Append to every shard's log what is no record, and a record that follows another one than the last.

    Returns the offset of the first of the two, by shard.
    """
    records: list[tuple[int, bytes]] = []
    for shard, value in (await _newest(settings)).items():
        records.append((shard, b"rubbish"))
        last = intent.decode(value)
        if last is not None:
            strange = msgspec.structs.replace(last, seq=last.seq + 1, previous=intent.nonce(), nonce=intent.nonce())
            records.append((shard, strange.encode()))
    places = await _append(settings, records)
    return {shard: min(offset for number, offset in places if number == shard) for shard, _ in places}


async def _newest(settings: Settings) -> dict[int, bytes | None]:
    """The value of the newest record of every shard's log that has one."""
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka_bootstrap_servers, enable_auto_commit=False)
    await consumer.start()
    found: dict[int, bytes | None] = {}
    try:
        logs = [TopicPartition(settings.kafka_intents_topic, shard) for shard in range(settings.kafka_partitions)]
        consumer.assign(logs)
        await asyncio.sleep(0)
        for log, end in (await consumer.end_offsets(logs)).items():
            if end:
                consumer.seek(log, end - 1)
                found[log.partition] = (await asyncio.wait_for(consumer.getone(log), 30)).value
    finally:
        await stop(consumer)
    return found


async def _append(settings: Settings, records: list[tuple[int, bytes]]) -> list[tuple[int, int]]:
    """Append (shard, value) records; shard and offset of each."""
    places = []
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers, acks="all") as producer:
        for shard, value in records:
            done = await producer.send_and_wait(settings.kafka_intents_topic, value, partition=shard)
            places.append((shard, int(done.offset)))
    return places
