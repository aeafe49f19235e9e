"""The reader of the log of intents goes on where its caller stopped, however far it has fetched."""

from aiokafka import AIOKafkaProducer

from agents.build import groupless
from agents.log import IntentLog
from streams.settings import Settings


async def test_a_caller_that_stops_early_loses_no_record(ready: Settings) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=ready.kafka_bootstrap_servers)
    await producer.start()
    log = IntentLog(ready.kafka_intents_topic, 0, producer, groupless(ready))
    await log.open()
    try:
        for number in range(5):
            await log.append(b"%d" % number)
        log.seek(1)
        async for offset, _ in log.read_to(5):
            if offset == 1:
                break
        assert [offset async for offset, _ in log.read_to(3)] == [2]
        assert await log.append(b"5") == 5
        assert [offset async for offset, _ in log.read_to(6)] == [3, 4, 5]
        assert [offset async for offset, _ in log.read_to(6)] == []
    finally:
        await log.close()
        await producer.stop()
