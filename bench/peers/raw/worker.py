"""Fetching and decoding alone, without a group, a store or a window: what no pipeline can be faster than.

Prints what it spent when it has had the number of events that its argument says.
"""

import json
import sys
import time

import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition

from bench.peers import place as places
from bench.peers.job import FETCH_RECORDS, PARTITIONS, settle
from streams import codec
from streams.topics import source_topics


async def main(count: int) -> None:
    """Fetch and decode so many events."""
    place = places.given()
    consumer = AIOKafkaConsumer(bootstrap_servers=place.servers, enable_auto_commit=False, auto_offset_reset="earliest")
    settle()
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, n) for topic in source_topics() for n in range(PARTITIONS)])
        await consumer.seek_to_beginning()
        done, began, cpu = 0, time.monotonic(), time.process_time()
        while done < count:
            fetched = await consumer.getmany(timeout_ms=1000, max_records=FETCH_RECORDS)
            for tp, records in fetched.items():
                codec.decode_values([record.value for record in records], topic=tp.topic)
                done += len(records)
        spent = {"events": done, "seconds": time.monotonic() - began, "cpu": time.process_time() - cpu}
    finally:
        await consumer.stop()
    sys.stdout.write(json.dumps(spent) + "\n")


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
