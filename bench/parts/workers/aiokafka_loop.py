"""A plain loop over aiokafka that commits by itself, as its documentation begins."""

import uvloop
from aiokafka import AIOKafkaConsumer

from bench.parts import lap as laps
from bench.peers.job import FETCH_RECORDS
from streams.topics import source_topics


async def main() -> None:
    """Fetch and work until the process is ended."""
    lap = laps.given()
    consumer = AIOKafkaConsumer(
        *source_topics(),
        bootstrap_servers=lap.place.servers,
        group_id=lap.place.group,
        auto_offset_reset="earliest",
    )
    lap.ready()
    await consumer.start()
    try:
        while True:
            fetched = await consumer.getmany(timeout_ms=50, max_records=FETCH_RECORDS)
            lap.take((tp.topic, [record.value for record in records]) for tp, records in fetched.items())
    finally:
        await consumer.stop()


if __name__ == "__main__":
    uvloop.run(main())
