"""A plain loop over confluent-kafka that takes many messages at once and commits by itself."""

from collections import defaultdict

from confluent_kafka import Consumer, KafkaException

from bench.parts import lap as laps
from bench.peers.job import FETCH_RECORDS
from streams.topics import source_topics

FETCH_SECONDS = 0.05


def main() -> None:
    """Fetch and work until the process is ended."""
    lap = laps.given()
    consumer = Consumer(
        {
            "bootstrap.servers": lap.place.servers,
            "group.id": lap.place.group,
            "auto.offset.reset": "earliest",
            "queued.min.messages": 100_000,
        }
    )
    lap.ready()
    consumer.subscribe(list(source_topics()))
    while True:
        values: defaultdict[str, list[bytes]] = defaultdict(list)
        for message in consumer.consume(FETCH_RECORDS, FETCH_SECONDS):
            if message.error() is not None:
                raise KafkaException(message.error())
            values[message.topic()].append(message.value())
        lap.take(values.items())


if __name__ == "__main__":
    main()
